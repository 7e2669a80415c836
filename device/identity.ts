/** How a device takes its LDevID, and what becomes of the one before. Pure. */
import { equalBytes } from "../protocol/bytes.js";
import { markDone } from "./acts.js";
import { adoptAuthority } from "./authorities.js";
import { applyDocument } from "./documents.js";
import type { FleetMessage } from "./edge.js";
import { evaluated } from "./facts.js";
import { readLdevid } from "./held.js";
import type { DeviceRecord } from "./record.js";
import { type DeviceState, nowSeconds, withHeld } from "./state.js";
import { discard, leave, only, type Step, withoutJob } from "./steps.js";

/** A reply that answers the open request, for this device and the new key; any other changes nothing. */
export function takeCertificate(
  state: DeviceState,
  reply: FleetMessage & { name: "certificate-reply" },
  atMs: number,
): Step {
  const { job, record } = state;
  if (!job || !("key" in job) || !equalBytes(job.nonce, reply.nonce)) return only(state);
  const { verdict } = reply;
  const ours = verdict.profile === "ldevid" && verdict.number === record.number;
  const forNewKey = job.newKey !== undefined && equalBytes(verdict.publicKey.bytes, job.newKey.bytes);
  const under = adoptAuthority(withoutJob(state), reply.links, atMs);
  if (!ours || !forNewKey || verdict.notAfterSeconds < nowSeconds(under, atMs)) return only(state);
  const { request, ...rest } = under.record;
  const rekey = request?.rekey; // not the job's: a new term may have come with the reply
  const { newKey } = job;
  const base = job.kind === "reenroll" && newKey ? { key: job.key, publicKey: newKey } : rest.base;
  const done = rekey === undefined ? {} : { done: markDone(rest.done ?? {}, "rekey", { rekey }) };
  const { record: kept, effects } = discard(
    { ...rest, ...done, ...(base && { base }) },
    replacedKeys(rest, [job.key, base?.key]),
  );
  const identified = withHeld(
    { ...under, record: kept, asPledge: false },
    { ldevid: readLdevid(reply.chain[0] ?? new Uint8Array()) },
    { ldevid: { chain: reply.chain, key: job.key } },
  );
  const next = reply.documents.reduce(applyDocument, evaluated(identified)); // its generation is a fact
  const receiptOwed = state.receiptOwed || rekey !== undefined;
  return leave({ ...next, receiptOwed }, effects);
}

/** What says who the device is stays, also when an LDevID of the same key goes. */
function replacedKeys(
  { ldevid, base }: Pick<DeviceRecord, "ldevid" | "base">,
  kept: readonly (string | undefined)[],
): readonly string[] {
  const before = new Set([ldevid, base].flatMap((holder) => holder?.key ?? []));
  return [...before].filter((name) => !kept.includes(name));
}
