/** The registry at work, with no signature, log or clock in the way: what it accepts stands in its view at once. */
import { approvalDigest } from "../../fleet/act-digest.js";
import {
  type Act,
  type DecidedFact,
  type Fact,
  type FactOf,
  type HeldFact,
  toBase64Url,
} from "../../fleet/events.js";
import { DEFAULT_POLICY, type FleetPolicy } from "../../fleet/policy.js";
import { type Context, decide, type Decision, type RegistryRequest } from "../../fleet/registry.js";
import { beaconDue } from "../../fleet/registry-beacon.js";
import type { CertifyRequest, ImportRequest } from "../../fleet/registry-certify.js";
import type { SyncFacts } from "../../fleet/registry-sync.js";
import { openWork } from "../../fleet/registry-work.js";
import { type ActView, type DeviceView, emptyView, type FleetView } from "../../fleet/view.js";
import { apply } from "../../fleet/view-apply.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Role } from "../../protocol/authority.js";
import { utf8 } from "../../protocol/bytes.js";
import type { HoldLevel, Level } from "../../protocol/level.js";
import type { ActName } from "../../protocol/vector.js";
import { NO_VERSION } from "../../protocol/version.js";
import { FOUNDED, must } from "./fixtures.js";

/** An act as a test asks for it. */
type Asked = Act extends infer A ? (A extends Act ? Omit<A, "reason" | "numbers"> : never) : never;

export class Registry {
  now = FOUNDED;
  authority = 1;
  terms = { directive: 1, advisory: 1, ledger: 1, time: 1 };
  releaseOnline = true;
  transferOnline = true;
  /** As with quorums elsewhere: what comes back was signed by somebody. */
  onlyHere: readonly Role[] = [];
  view: FleetView = emptyView();
  readonly policy: FleetPolicy;
  #acts = 0;

  constructor(policy: Partial<FleetPolicy> = {}) {
    this.policy = { ...DEFAULT_POLICY, ...policy };
  }

  get context(): Context {
    const { now, policy, authority, terms, releaseOnline, transferOnline, onlyHere } = this;
    return { now, policy, authority, terms, releaseOnline, transferOnline, onlyHere, crypto: nodeCrypto };
  }

  ask(request: RegistryRequest, actor = "operator"): Decision {
    const decision = decide(this.view, request, this.context);
    for (const fact of decision.accepted ? decision.facts : []) this.happen(fact, actor);
    return decision;
  }

  happen(fact: DecidedFact, actor = "operator"): void {
    this.view = apply(this.view, { ...fact, at: this.now, actor });
  }

  /** Facts of a request that is accepted. */
  facts(request: RegistryRequest): readonly DecidedFact[] {
    const decision = this.ask(request);
    const facts = accepted(decision);
    return decision.accepted && decision.again ? [...facts, ...this.facts(request)] : facts;
  }

  device(number = 1): DeviceView {
    return must(this.view.devices.get(number));
  }

  actView(id: string): ActView {
    return must(this.view.acts.get(id));
  }

  /** Asked for by `operator`, approved by `approver` where that is needed, and carried out. @returns what was issued. */
  act(kind: "hold" | "release", level: Level, numbers: readonly number[] = [1]): readonly DecidedFact[] {
    return this.carryThrough({ kind, level }, numbers);
  }

  count(count: ActName, numbers: readonly number[] = [1]): readonly DecidedFact[] {
    return this.carryThrough({ kind: "count", count }, numbers);
  }

  advise(match: string, level: HoldLevel): readonly DecidedFact[] {
    return this.carryThrough({ kind: "advise", match, level }, []);
  }

  unadvise(id: number): readonly DecidedFact[] {
    return this.carryThrough({ kind: "unadvise", id }, []);
  }

  carryThrough(act: Asked, numbers: readonly number[]): readonly DecidedFact[] {
    const id = this.request(act, numbers);
    if (this.actView(id).expiresAt !== undefined) accepted(this.approve(id));
    return this.carryOut();
  }

  pending(kind: "hold" | "release", level: Level, numbers: readonly number[] = [1]): string {
    return this.request({ kind, level }, numbers);
  }

  /** @returns the id of a request that is accepted. */
  request(act: Asked, numbers: readonly number[] = [1]): string {
    const id = (++this.#acts).toString(16).padStart(16, "0");
    this.facts({ type: "act", id, act: { ...act, numbers, reason: "story" } });
    return id;
  }

  approve(id: string, actor = "approver", digest = this.digest(id)): Decision {
    return this.ask({ type: "approve", id, actor, digest }, actor);
  }

  /** What an approval of this very moment has to name. */
  digest(id: string): string {
    const pending = this.view.acts.get(id);
    return pending ? approvalDigest(this.view, pending.act, nodeCrypto) : "";
  }

  /** Until nothing is left. The first of what is open is never refused, or it would never end. */
  carryOut(): readonly DecidedFact[] {
    const issued: DecidedFact[] = [];
    for (let work = openWork(this.view, this.context); work[0]; work = openWork(this.view, this.context)) {
      issued.push(...this.facts(work[0]));
      for (const next of work.slice(1)) {
        const decision = this.ask(next);
        if (decision.accepted) issued.push(...decision.facts);
      }
    }
    return issued;
  }

  /** Signs the head of the ledger, if that is due. */
  beacon(digest = "digest"): readonly DecidedFact[] {
    return beaconDue(this.view, this.context)
      ? this.facts({ type: "issue-beacon", epoch: this.view.epoch, digest })
      : [];
  }
}

/** @throws Error with the words of the refusal. */
function accepted(decision: Decision): readonly DecidedFact[] {
  if (!decision.accepted) throw new Error(decision.refusal.text);
  return decision.facts;
}

export function birth(number: number, hardwareId = `hw-${number}`, key = `key-${hardwareId}`): ImportRequest {
  const papers = { record: "", voucher: "", idevid: "" };
  const about = { number, hardwareId: toBase64Url(utf8(hardwareId)), model: "camera", index: number - 1 };
  return { type: "import", birth: { ...about, key: { algorithm: "ES256", bytes: key }, ...papers } };
}

/** Devices 1 to `count` are imported. */
export function fleetOf(count: number, policy: Partial<FleetPolicy> = {}): Registry {
  const registry = new Registry(policy);
  for (const number of range(count)) registry.facts(birth(number));
  return registry;
}

export function certify(via: CertifyRequest["via"], change: Partial<CertifyRequest> = {}): CertifyRequest {
  return {
    type: "certify",
    via,
    number: 1,
    nonce: "nonce",
    newKey: { algorithm: "ES256", bytes: "new-key" },
    key: "key-hw-1",
    ...(via === "enroll" && { birth: birth(1).birth }),
    ...change,
  };
}

export const held: HeldFact = {
  authority: 1,
  ledger: [1, 0],
  advisories: NO_VERSION,
  removals: NO_VERSION,
  directive: [1, 1],
  release: NO_VERSION,
  level: "none",
  done: {},
};

export function sync(change: Partial<SyncFacts> = {}): SyncFacts {
  const asked = { type: "sync", time: 0, number: 1, nonce: "nonce", key: "key", held, alarms: [] } as const;
  return { ...asked, ...change };
}

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);
export const codeOf = (decision: Decision): string =>
  decision.accepted ? "accepted" : decision.refusal.code;
export const types = (facts: readonly Fact[]): readonly string[] => facts.map(({ type }) => type);

export function only<T extends Fact["type"]>(type: T, facts: readonly Fact[]): FactOf<T> {
  const found = facts.filter((fact): fact is FactOf<T> => fact.type === type);
  if (found.length > 1) throw new Error(`${found.length} of ${type}`);
  return must(found[0]);
}
