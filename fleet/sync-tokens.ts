/**
 * Sync tokens at the fleet: how they are sealed and known again, and what it means that one was shown. Pure.
 *
 * A device shows the newest token that it took, and takes only one that came for the token it holds. So whoever
 * is the only one to hold its state never shows anything older than what was shown before; what comes late or is
 * repeated may. A probe tells these apart: nobody signs it before the token that it names was shown.
 */
import { concatBytes, uint32, utf8 } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import type { SyncRequest } from "../protocol/sync.js";
import type { SyncToken } from "../protocol/sync-token.js";
import { fromBase64Url } from "./events.js";
import type { DeviceView } from "./view.js";

/** Of the secret under which a fleet seals. */
export const TOKEN_SECRET_BYTES = 32;

/** What seals tokens. `secret`: 32 bytes that nobody but the fleet service has. */
export interface TokenSealing {
  readonly secret: Uint8Array;
  readonly fleetId: Uint8Array;
  readonly crypto: Crypto;
}

/** Whose they are: under another key, of before a re-enrollment, it is another's, also where the log lost that. */
export type TokenHolder = Pick<DeviceView, "number" | "key">;

/** A token as a device showed it. `sealed`: this fleet sealed it, for this device. */
export interface ShownToken extends Omit<SyncToken, "seal"> {
  readonly sealed: boolean;
}

/** What a sync says about tokens. */
export interface TokenFacts {
  readonly token?: ShownToken;
  /** It was signed after the token of this `n` had been shown, by whomever. */
  readonly probed?: number;
}

/** `ahead`: in order, and newer than any that the log knows: the log was restored from a backup. */
export type TokenVerdict = "in-order" | "ahead" | "stale";

/** @param token - undefined: none was shown. */
export function judgeToken(
  { issued, shown }: DeviceView["tokens"],
  token: ShownToken | undefined,
): TokenVerdict {
  if (token?.sealed && token.n > issued) return "ahead";
  if (shown === 0) return "in-order"; // whatever is shown begins the chain
  if (!token?.sealed) return "stale";
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
export function provesTwo(tokens: DeviceView["tokens"], { token, probed = 0 }: TokenFacts): boolean {
  if (probed <= tokens.begun) return false; // of before somebody vouched for it
  return judgeToken({ ...tokens, shown: probed }, token) === "stale";
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
  const { n = 0, sealed = false } = token ?? {};
  const reached = sealed ? n : Math.min(n, issued + MAX_CLAIM);
  return { token: { n: Math.max(issued, reached) + 1, after: n }, shown: sealed ? n : 0 };
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

/** The one place that looks at seals and probes. A probe that this fleet did not give says nothing. */
export function openTokens(
  sealing: TokenSealing,
  holder: TokenHolder,
  { token, probe }: Pick<SyncRequest, "token" | "probe">,
): TokenFacts {
  const isSealed = token && equalSecrets(sealToken(sealing, holder, token).seal, token.seal);
  const probed = probe ? readUint64(probe) : 0;
  const isProbe = probe && equalSecrets(probeFor(sealing, holder, probed), probe);
  return {
    ...(token && { token: { n: token.n, after: token.after, sealed: isSealed === true } }),
    ...(isProbe && { probed }),
  };
}

const SEAL_BYTES = 8;

function sealOf(
  { secret, fleetId, crypto }: TokenSealing,
  { number, key }: TokenHolder,
  word: "token" | "probe",
  numbers: readonly number[],
): Uint8Array {
  const whose = concatBytes(fleetId, uint32(number), fromBase64Url(key.bytes));
  const text = concatBytes(utf8(`daymark/1 sync ${word}`), ...numbers.map(uint64), whose);
  return hmacSha256(secret, text, crypto).subarray(0, SEAL_BYTES);
}

/** Of SHA-256: RFC 2104 §2. */
const BLOCK_BYTES = 64;
const [INNER, OUTER] = [0x36, 0x5c];

/** RFC 2104 §2 over SHA-256. @param key - at most 64 bytes. */
function hmacSha256(key: Uint8Array, text: Uint8Array, crypto: Crypto): Uint8Array {
  const padded = new Uint8Array(BLOCK_BYTES);
  padded.set(key);
  const keyed = (pad: number) => padded.map((byte) => byte ^ pad);
  const inner = crypto.sha256(concatBytes(keyed(INNER), text));
  return crypto.sha256(concatBytes(keyed(OUTER), inner));
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
