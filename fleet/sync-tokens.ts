/**
 * Sync tokens at the fleet: how they are sealed and known again, and what it means that one was shown. Pure.
 *
 * A device shows the newest token that it took, and takes only one that came for the token it holds. So whoever
 * is the only one to hold its state never shows anything older than what was shown before; what comes late or is
 * repeated may. A probe tells these apart: nobody signs it before the token that it names was shown.
 *
 * A token that is newer than the log was sealed in a time that the log has lost. Once new terms stand above that time
 * it is nothing to worry about, and each device still shows one; so there are eras, and what is sealed says of which
 * it is.
 */
import { concatBytes, uint32, utf8 } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import type { SyncRequest } from "../protocol/sync.js";
import type { SyncToken } from "../protocol/sync-token.js";
import { fromBase64Url } from "./events.js";
import type { DeviceView } from "./view.js";

/** Of the secret under which a fleet seals. */
export const TOKEN_SECRET_BYTES = 32;

/** What seals tokens. `secret`: 32 bytes that nobody but the fleet service has. `era`: the present one. */
export interface TokenSealing {
  readonly secret: Uint8Array;
  readonly era: number;
  readonly fleetId: Uint8Array;
  readonly crypto: Crypto;
}

/** Whose they are: under another key, of before a re-enrollment, it is another's, also where the log lost that. */
export type TokenHolder = Pick<DeviceView, "number" | "key">;

/** A token as a device showed it. `era`: in which this fleet sealed it, for this device; absent: in none. */
export interface ShownToken extends Omit<SyncToken, "seal"> {
  readonly era?: number;
}

/** What a sync says about tokens. */
export interface TokenFacts {
  readonly token?: ShownToken;
  /** It was signed after the token of this `n` had been shown, by whomever. */
  readonly probed?: number;
}

/** `ahead`: newer than any that the log knows, which was restored from a backup. */
export type TokenVerdict = "in-order" | "ahead" | "stale";

/** @param era - the present one. @param token - undefined: none was shown. */
export function judgeToken(
  { issued, shown }: DeviceView["tokens"],
  era: number,
  token: ShownToken | undefined,
): TokenVerdict {
  if (token?.era !== undefined) {
    const isNewer = token.n > issued;
    if (token.era > era || (token.era === era && isNewer)) return "ahead"; // also how that era began is lost
    if (isNewer) return "in-order"; // of a time that was lost, and that new terms have ended
  }
  if (shown === 0) return "in-order"; // whatever is shown begins the chain
  if (token?.era === undefined) return "stale";
  const { n, after } = token;
  if (n === shown || after === shown) return "in-order";
  // It was given for one that is newer than `shown`: that one was shown to a log that was restored since, or
  // before somebody vouched for the device and an old sync was repeated.
  return after > shown && n > after ? "in-order" : "stale";
}

/**
 * A stale token says nothing by itself: a gateway may have kept the sync back, or repeats it. Signed after a newer
 * one had been shown, it comes from a second holder of these keys, or from an older image of the first.
 */
export function provesTwo(
  tokens: DeviceView["tokens"],
  era: number,
  { token, probed = 0 }: TokenFacts,
): boolean {
  if (probed <= tokens.begun) return false; // of before somebody vouched for it
  return judgeToken({ ...tokens, shown: probed }, era, token) === "stale";
}

/**
 * By so much the token that was shown under a bad seal may be ahead of the log and still count in the choice of
 * the next number: no log that was restored has lost more of one device's tokens, and nobody comes to the end of
 * all numbers by such steps.
 */
const MAX_CLAIM = 2 ** 20;

/** The token of the lease for a sync in order. What stands under a bad seal was not shown by anybody. */
export function nextToken(
  { issued }: DeviceView["tokens"],
  token: ShownToken | undefined,
): { readonly token: Omit<SyncToken, "seal">; readonly shown: number } {
  const { n = 0, era } = token ?? {};
  const isSealed = era !== undefined;
  const reached = isSealed ? n : Math.min(n, issued + MAX_CLAIM);
  return { token: { n: Math.max(issued, reached) + 1, after: n }, shown: isSealed ? n : 0 };
}

export function sealToken(
  sealing: TokenSealing,
  holder: TokenHolder,
  { n, after }: Omit<SyncToken, "seal">,
): SyncToken {
  return { n, after, seal: sealOf(sealing, holder, "token", [n, after]) };
}

/** What a device has to sign to be known to speak after the token `shown` was shown: that number, sealed. 16 bytes. */
export function probeFor(sealing: TokenSealing, holder: TokenHolder, shown: number): Uint8Array {
  return concatBytes(uint64(shown), sealOf(sealing, holder, "probe", [shown]));
}

/**
 * A log that was restored from before an era began does not know of it: so many later ones are looked for, and so many
 * earlier ones, of which a device may have slept through all.
 */
const [LATER_ERAS, EARLIER_ERAS] = [4, 16];

/** The one place that looks at seals and probes. A probe that this fleet did not give says nothing. */
export function openTokens(
  sealing: TokenSealing,
  holder: TokenHolder,
  { token, probe }: Pick<SyncRequest, "token" | "probe">,
): TokenFacts {
  const sealedIn =
    token && eraOf(sealing, (era) => equalSecrets(sealToken(era, holder, token).seal, token.seal));
  const probed = probe ? readUint64(probe) : 0;
  const probedIn = probe && eraOf(sealing, (era) => equalSecrets(probeFor(era, holder, probed), probe));
  return {
    ...(token && {
      token: { n: token.n, after: token.after, ...(sealedIn !== undefined && { era: sealedIn }) },
    }),
    ...(probedIn !== undefined && { probed }),
  };
}

/** The present one first: it is that of nearly all. */
function eraOf(sealing: TokenSealing, isSealed: (sealing: TokenSealing) => boolean): number | undefined {
  const { era: present } = sealing;
  if (isSealed(sealing)) return present;
  const earliest = Math.max(0, present - EARLIER_ERAS);
  const others = Array.from({ length: present + LATER_ERAS - earliest + 1 }, (_, i) => earliest + i);
  return others.find((era) => isSealed({ ...sealing, era }));
}

const SEAL_BYTES = 8;

function sealOf(
  { secret, fleetId, era, crypto }: TokenSealing,
  { number, key }: TokenHolder,
  word: "token" | "probe",
  numbers: readonly number[],
): Uint8Array {
  const whose = concatBytes(fleetId, uint32(number), fromBase64Url(key.bytes));
  const what = era === 0 ? word : `${word} of era ${era} `;
  const text = concatBytes(utf8(`daymark/1 sync ${what}`), ...numbers.map(uint64), whose);
  return hmacSha256(secret, text, crypto).subarray(0, SEAL_BYTES);
}

/** Of SHA-256: RFC 2104 §2. */
const BLOCK_BYTES = 64;
const [INNER, OUTER] = [0x36, 0x5c];

/** RFC 2104 §2 over SHA-256. @param key - at most 64 bytes. */
function hmacSha256(key: Uint8Array, text: Uint8Array, crypto: Crypto): Uint8Array {
  const inner = crypto.sha256(concatBytes(keyed(key, INNER), text));
  return crypto.sha256(concatBytes(keyed(key, OUTER), inner));
}

function keyed(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(pad);
  for (let at = 0; at < key.length; at++) block[at]! ^= key[at]!;
  return block;
}

/** In a time that tells nothing of where they differ: byte by byte a tag could be guessed. */
function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.reduce((differing, byte, i) => differing | (byte ^ (b[i] ?? 0)), 0) === 0;
}

/** 8 bytes, big-endian. */
function uint64(value: number): Uint8Array {
  return concatBytes(uint32(Math.floor(value / 2 ** 32)), uint32(value % 2 ** 32));
}

/** The first 8 bytes; above 2⁵³ it is another number, which no seal fits. */
function readUint64(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}
