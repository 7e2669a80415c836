/** What a service knows: one fold over the log, the same when it starts and while it runs. */
import type { Authority, Trust } from "../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../protocol/authority-chain.js";
import type { Crypto } from "../protocol/crypto.js";
import { type FleetEvent, fromBase64Url } from "./events.js";
import { emptyView, type FleetView } from "./view.js";
import { apply } from "./view-apply.js";

export interface Folded {
  readonly view: FleetView;
  /** The Authorities, each proven by the one before; empty before the fleet was founded. */
  readonly chain: readonly Trust[];
  /** Fleet time is never before this, Unix seconds: the newest event of its term, or where the term began. */
  readonly timeFloor: number;
}

export function emptyFold(): Folded {
  return { view: emptyView(), chain: [], timeFloor: 0 };
}

/** @throws ProtocolError for an Authority that does not prove itself. */
export function foldEvent({ view, chain, timeFloor }: Folded, event: FleetEvent, crypto: Crypto): Folded {
  const newest = chain.at(-1);
  const floor = Math.max(timeFloor, event.at);
  const after = { view: apply(view, event), chain, timeFloor: floor };
  if (event.type === "fleet-created") {
    const trust = openFirstAuthority(linkOf(event), crypto);
    return { ...after, chain: [trust], timeFloor: Math.max(floor, termsOf(trust).timeBase) };
  }
  if (event.type !== "authority-issued" || !newest) return after;
  const trust = openNextAuthority(linkOf(event), newest, crypto);
  // A new term of time cures a clock that stood in the year 2100: what it said then counts no more.
  const newTime = termsOf(trust).time > termsOf(newest).time;
  return { ...after, chain: [...chain, trust], timeFloor: newTime ? termsOf(trust).timeBase : floor };
}

function linkOf({ signed }: FleetEvent): Uint8Array {
  if (signed === undefined) throw new Error("an Authority is in the log with its envelope");
  return fromBase64Url(signed);
}

function termsOf({ authority }: Trust): Authority["terms"] {
  return authority.value.terms;
}
