/** One seed, from the number to its report: the plan, the run, and the cryptography that lets it repeat. */
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { allInvariants } from "./invariants/index.js";
import type { Plan } from "./plan/plan.js";
import { type Report, runPlan, type RunParts } from "./run.js";

/** node:crypto's Ed25519 signs alike each time; its ES256 does not, and noble's does (RFC 6979). */
export function runSeed(plan: Plan, more: Pick<RunParts, "wholeTrace"> = {}): Promise<Report> {
  const crypto = plan.algorithm === "ES256" ? nobleCrypto : nodeCrypto;
  return runPlan(plan, { invariants: allInvariants, crypto, ...more });
}
