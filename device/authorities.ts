/**
 * The chain of Authorities as a device walks it: whatever brought the links, each proves itself by the one
 * before (P1). Pure.
 */
import { Authority, type Trust } from "../protocol/authority.js";
import { openNextAuthority, reopenAuthority, walkAuthorities } from "../protocol/authority-chain.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { payloadHash } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import type { Level } from "../protocol/level.js";
import { addHold } from "../protocol/standing.js";
import { compareVersions, NO_VERSION } from "../protocol/version.js";
import { advisedLevel } from "./advisories.js";
import { raiseAlarm } from "./alarms.js";
import { withAdvisories } from "./facts.js";
import { type DeviceState, lapsedAt, nowSeconds, withHeld } from "./state.js";

/** Authorities kept beside the newest: a peer that missed that many rotations walks them. */
const MAX_EARLIER = 4;

/** Where links lead. */
export interface Links {
  readonly trust: Trust;
  /** Those that are new, in order; the last one is the Authority of `trust`. */
  readonly taken: readonly Uint8Array[];
  /** The root keys have signed another Authority of the version that is held. */
  readonly fork: boolean;
}

/** `earlier`: the Authority before that of `trust`, where it is held. */
export interface ChainEnd {
  readonly trust: Trust;
  readonly earlier?: Uint8Array;
  readonly crypto: Crypto;
}

/** True when these bytes claim to be an Authority. */
export function looksLikeLink(bytes: Uint8Array): boolean {
  try {
    return parseEnvelope(bytes).type === Authority.type;
  } catch {
    return false; // whoever opens it says why
  }
}

/**
 * Walks as far as the links prove themselves.
 * @param links - oldest first. @returns also what was refused: the text names the link.
 */
export function walkLinks(
  links: readonly Uint8Array[],
  end: ChainEnd,
): { readonly links: Links; readonly refusals: readonly ProtocolError[] } {
  const rivals = links.map((link) => rivalry(link, end));
  const { trust, links: taken, refusal } = walkAuthorities(links, end.trust, end.crypto);
  const forged = rivals.filter((rival) => rival instanceof ProtocolError);
  const refusals = [...forged, ...(refusal ? [refusal] : [])];
  return { links: { trust, taken, fork: rivals.includes("fork") }, refusals };
}

/** Does this link contradict the Authority that is held? Only a proven contradiction is a fork. */
function rivalry(link: Uint8Array, { trust, earlier, crypto }: ChainEnd): "none" | "fork" | ProtocolError {
  const { value, hash } = trust.authority;
  try {
    const parts = parseEnvelope(link);
    if (Authority.decode(parts.payload).version !== value.version) return "none";
    if (equalBytes(payloadHash(parts, crypto), hash)) return "none";
  } catch {
    return "none"; // the walk says why
  }
  if (!earlier)
    return new ProtocolError("wrong-key", `authority version ${value.version}: another one is held`);
  try {
    openNextAuthority(link, reopenAuthority(earlier, trust.fleetId, crypto), crypto);
    return "fork";
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** The state under the Authority that links lead to. What was stored under earlier ones stays. */
export function adoptAuthority(state: DeviceState, links: Links, atMs: number): DeviceState {
  const known = links.fork ? raiseAlarm(state, "fork") : state;
  const { record, held } = known;
  const [before, after] = [held.trust.authority.value, links.trust.authority.value];
  if (after.version <= before.version) return known;
  const passed = [...(record.earlier ?? []), record.authority, ...links.taken.slice(0, -1)];
  const next = withHeld(
    known,
    { trust: links.trust },
    { authority: links.trust.authority.bytes, earlier: passed.slice(-MAX_EARLIER) },
  );
  return beginTerms(next, before.terms, atMs);
}

/** What the terms of the Authority that is held begin anew. @param before - the terms until now. */
export function beginTerms(state: DeviceState, before: Authority["terms"], atMs: number): DeviceState {
  const { terms } = state.held.trust.authority.value;
  const kept = terms.advisory === before.advisory ? state : keepAdvised(state);
  const counted = terms.directive === before.directive ? kept : beginCounts(kept);
  return terms.time === before.time ? counted : beginTime(counted, atMs);
}

/**
 * The lists of an earlier term say nothing any more, but what they held stays held, as a directive would hold
 * it: until a release that the quorum signs from now on. If a list of the new term could end it, whoever has
 * the `hold` and the `lease` key could (P13).
 */
function keepAdvised(state: DeviceState): DeviceState {
  const { directive, release, advisories } = state.held;
  const [a, b] = [directive?.value.version ?? NO_VERSION, release?.value.version ?? NO_VERSION];
  const [term, n] = compareVersions(a, b) > 0 ? a : b;
  const version = [term, Math.min(n + 1, Number.MAX_SAFE_INTEGER)] as const; // no release that waits lifts it
  const holds = addHold<Level>(state.record.holds, { version, level: advisedLevel(advisories) });
  const next = withAdvisories(state, { ...advisories, latched: [] });
  return { ...next, record: { ...next.record, holds } };
}

/**
 * One-shot acts are counted within a term of directives: the cure for a key that asked for the highest count
 * there is. New keys that are under way were asked for in the old term, and settle nothing in this one.
 */
function beginCounts(state: DeviceState): DeviceState {
  const { done: _done, request, ...rest } = state.record;
  if (!request) return { ...state, record: rest };
  const { rekey: _asked, ...open } = request;
  return { ...state, record: { ...rest, request: open } };
}

/**
 * A new term of time begins at its base, which may lie before what was believed: the cure for a key that
 * signed the year 2100. The lease spoke of the old time; how long ago it ended is all that is left of it.
 */
function beginTime(state: DeviceState, atMs: number): DeviceState {
  const { timeBase } = state.held.trust.authority.value.terms;
  const ended = lapsedAt(state);
  const sinceEnd = ended === undefined ? undefined : Math.max(0, nowSeconds(state, atMs) - ended);
  const { lease: _lease, ...held } = state.held;
  const { lease: _envelope, lapsedSeconds: _before, ...rest } = state.record;
  const lapsed = sinceEnd === undefined ? {} : { lapsedSeconds: timeBase - sinceEnd };
  const record = { ...rest, ...lapsed, signedSeconds: timeBase, poweredSeconds: 0 };
  return { ...state, held, record, anchorMs: atMs };
}
