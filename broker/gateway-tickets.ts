/**
 * Keys of the TLS tickets with which sessions resume (RFC 8446 §4.6.1): the same at all gateways of one
 * service, and new each day. A ticket names who began the session; what that one may do now is asked anew.
 */
import { hkdfSync } from "node:crypto";
import type { Clock, Timer } from "../protocol/clock.js";

/** As OpenSSL takes them: a name, an HMAC key and an AES key. */
const KEY_BYTES = 48;
const DAY_MS = 86_400_000;
/** A ticket is good for its day at most, so this never ends one early. */
export const TICKET_LIFE_SECONDS = DAY_MS / 1000;

/** @param seed - `FleetLink.ticketSeed`. @param atMs - Unix time; all moments of one UTC day have the same keys. */
export function ticketKeys(seed: Uint8Array, atMs: number): Buffer {
  const day = Math.floor(atMs / DAY_MS);
  return Buffer.from(hkdfSync("sha256", seed, new Uint8Array(0), `daymark tls tickets ${day}`, KEY_BYTES));
}

/** Calls `rotate` when a day begins, until it is cancelled. */
export function eachDay(clock: Clock, rotate: () => void): Timer {
  const untilNext = () => DAY_MS - (clock.nowMs() % DAY_MS);
  const run = (): void => {
    timer = clock.after(untilNext(), run);
    rotate();
  };
  let timer = clock.after(untilNext(), run);
  return { cancel: () => timer.cancel() };
}
