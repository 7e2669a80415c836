/** What an approval binds: the act as it was asked for, and what it stands on at this very moment. */
import { toHex, utf8 } from "../protocol/bytes.js";
import type { Crypto } from "../protocol/crypto.js";
import type { Act } from "./events.js";
import type { FleetView } from "./view.js";

/** Bytes of the digest that a person types or a second token sends. */
const SHORT_BYTES = 8;

/**
 * SHA-256 over the act with its resolved set of devices and what it ends on each of them, such as what holds
 * it: who approves frees from what was seen, not from what came since. 32 bytes.
 */
export function actDigest(view: FleetView, act: Act, crypto: Crypto): Uint8Array {
  return crypto.sha256(utf8(JSON.stringify([act.kind, ...about(view, act), act.reason, act.numbers])));
}

/** The same for people: 16 hex digits. */
export function approvalDigest(view: FleetView, act: Act, crypto: Crypto): string {
  return toHex(actDigest(view, act, crypto).subarray(0, SHORT_BYTES));
}

function about(view: FleetView, act: Act): readonly unknown[] {
  switch (act.kind) {
    case "hold":
      return [act.level];
    case "release":
      return [
        act.level,
        act.numbers.map((number) => view.devices.get(number)?.directive?.version),
        ...(act.freshness ? [act.freshness] : []),
      ];
    case "vouch":
      return [act.numbers.map((number) => view.devices.get(number)?.suspectedAt)];
    case "readmit":
      return [act.numbers.map((number) => view.devices.get(number)?.certificates.at(-1)?.notAfter)];
    case "ticket":
      return [act.key];
    case "count":
      return [act.count];
    case "give":
      return [act.owner];
    case "advise":
      return [act.level, act.match];
    case "unadvise":
      return [act.id]; // names one rule for ever
  }
}
