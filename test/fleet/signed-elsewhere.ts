/** Documents as a quorum's holders or a bundle bring them to the registry: signed, and verified at the edge. */
import { type Base64Url, toBase64Url } from "../../fleet/events.js";
import type { Decision } from "../../fleet/registry.js";
import type { DocumentRequest } from "../../fleet/registry-documents.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AdvisoryList, AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import { Beacon } from "../../protocol/beacon.js";
import { Directive } from "../../protocol/directive.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Transfer } from "../../protocol/voucher.js";
import { testSigner } from "../x509/helpers.js";
import { FOUNDED } from "./fixtures.js";
import type { Registry } from "./registry-rig.js";

const MESSAGES = {
  directive: Directive,
  release: Release,
  "advisory-list": AdvisoryList,
  "advisory-removal": AdvisoryRemoval,
  beacon: Beacon,
  approval: Approval,
  voucher: Transfer,
} as const;
interface Brought {
  readonly name: keyof typeof MESSAGES;
  readonly value: object;
}

const operator = testSigner("Ed25519", "operator");

/** Signed the same way each time: Ed25519 has no randomness in it. */
export function sealed({ name, value }: Brought, by = operator): Base64Url {
  const message = MESSAGES[name] as Message<object>;
  return toBase64Url(sealEnvelope(message, value, by, new Uint8Array(16), nodeCrypto));
}

export function submit(registry: Registry, brought: Brought, by = operator): Decision {
  const request = { type: "document", ...brought, signed: sealed(brought, by) };
  return registry.ask(request as DocumentRequest, "quorum");
}

/** Of device 1, right after its import. */
export const release = { subject: 1, version: [1, 2], level: "none", issuedAt: FOUNDED } as const;
export const directive = {
  subject: 1,
  version: [1, 2],
  level: "isolate",
  reason: "lost",
  lowestGeneration: 1,
  issuedAt: FOUNDED,
} as const;
