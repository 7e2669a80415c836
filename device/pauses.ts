/** How long a device waits: after what was fruitless, and with what everyone was told at once. Pure. */
import { MAX_RETRY_AFTER_SECONDS } from "../protocol/notice.js";
import type { Session } from "./state.js";
import type { Moment } from "./steps.js";

/** Pause after a sync that brought no lease: doubles up to the most that an error may ask for. */
const FIRST_PAUSE_MS = 2_000;
/** Pause after a ticket that is refused for now, or not answered: doubles in the same way. */
const FIRST_TICKET_PAUSE_MS = 300_000;
/** What was told to everyone is followed up after this at the earliest, so that what is on its way arrives. */
const FOLLOW_UP_MS = 2_000;
/** … and by this much later at the latest, so that a fleet does not ask all at once. */
const SPREAD_MS = 28_000;

/** A sync without a lease is asked again, ever more slowly. */
export function pause(
  session: Session,
  fruitful: boolean,
  atMs: number,
): Pick<Session, "fruitless" | "quietUntilMs"> {
  if (fruitful) return { fruitless: 0, quietUntilMs: 0 };
  const pauseMs = doubled(FIRST_PAUSE_MS, session.fruitless);
  return { fruitless: session.fruitless + 1, quietUntilMs: atMs + pauseMs };
}

/** The ticket is shown again, ever more slowly: who is held may be so for months. */
export function ticketPause(
  { ticketPauses }: Session,
  atMs: number,
): Pick<Session, "ticketPauses" | "ticketAtMs"> {
  const ticketAtMs = atMs + doubled(FIRST_TICKET_PAUSE_MS, ticketPauses);
  return { ticketPauses: ticketPauses + 1, ticketAtMs };
}

function doubled(firstMs: number, times: number): number {
  return Math.min(firstMs * 2 ** times, MAX_RETRY_AFTER_SECONDS * 1000);
}

/** When to follow up what everyone was told at this moment. */
export function followUpMs({ atMs, entropy }: Moment): number {
  const share = new DataView(entropy.buffer, entropy.byteOffset + 16).getUint32(0) / 0x1_0000_0000; // behind the nonce
  return atMs + FOLLOW_UP_MS + Math.floor(SPREAD_MS * share);
}
