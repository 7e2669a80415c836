/**
 * One-shot acts as levels: a document says how often an act must have been done within its term, the device
 * how often it was, so that missing or repeating any document asks for nothing twice (P2). Pure.
 *
 * When an act counts as done, so that a power cut repeats nothing that cannot be repeated:
 * - wipe and reboot: marked and saved before they begin;
 * - rekey: with the certificate for the new key, in the same save;
 * - attest: marked before the sync that reports, which is asked for until it is answered.
 */
import type { Directive } from "../protocol/directive.js";
import type { Release } from "../protocol/release.js";
import type { ActName, ActsDone } from "../protocol/vector.js";
import type { DeviceRecord } from "./record.js";

/**
 * A wipe takes keys away, so it comes before the new ones; a restart ends everything that is under way. New
 * keys are a request that takes its time; the others do not wait for it.
 */
const ORDER = ["wipe", "rekey", "attest", "reboot"] as const satisfies readonly ActName[];

/** What the newest documents ask for. */
export function askedActs(directive: Directive | undefined, release: Release | undefined): ActsDone {
  return counts((name) => (name === "wipe" ? release?.wipe : directive?.[name]));
}

/** What is to be done now, in this order. One act settles its count, however far behind it is. */
export function dueActs(asked: ActsDone, done: ActsDone): readonly ActName[] {
  return ORDER.filter((name) => (asked[name] ?? 0) > (done[name] ?? 0));
}

/** Once `name` was done, as often as it was asked for. Never lowers a count. */
export function markDone(done: ActsDone, name: ActName, asked: ActsDone): ActsDone {
  return mergeDone(done, { [name]: asked[name] });
}

/**
 * With what the fleet has receipts for, as a lease says: a device restored from an old image does not do
 * twice what it has forgotten.
 */
export function mergeDone(done: ActsDone, receipted: ActsDone | undefined): ActsDone {
  return counts((name) => Math.max(done[name] ?? 0, receipted?.[name] ?? 0));
}

/**
 * A record after a wipe, and the names of the keys to remove once it is saved. What goes is the identity that
 * the device worked under, and the proof that it may. All else stays, since it is what holds the device and what makes it find home: papers from the factory, Authority and its links,
 * directive, release, holds, alarms, advisories and what they latched, the ledger, acts done, counters, and
 * the newest time. A wipe that took any of these would free a device (P7) or let it go back (P3). The key that a
 * re-enrollment gave it, or is giving it, stays too: its fleet may know no other.
 */
export function wiped(record: DeviceRecord): {
  readonly record: DeviceRecord;
  readonly keys: readonly string[];
} {
  const { ldevid, request, lease: _ended, ...rest } = record;
  const open = request?.kind === "reenroll" ? request : undefined;
  const gone = [ldevid, open ? undefined : request].flatMap((given) => given?.key ?? []);
  const keys = gone.filter((key) => key !== rest.base?.key);
  const stays = open ? { ...rest, request: open } : rest;
  return { record: stays, keys };
}

/** Zero is written as absent. */
function counts(of: (name: ActName) => number | undefined): ActsDone {
  return Object.fromEntries(ORDER.flatMap((name) => (of(name) ? [[name, of(name)]] : [])));
}
