/** What a device makes of what the fleet and its gateways say. Pure. */
import { equalBytes } from "../protocol/bytes.js";
import { type ErrorReply, MAX_RETRY_AFTER_SECONDS } from "../protocol/notice.js";
import { applyDocument, applyLease } from "./documents.js";
import type { FleetMessage } from "./edge.js";
import { datesOf, type DeviceState, nowSeconds, type Session } from "./state.js";
import { leave, only, type Step, withoutJob } from "./steps.js";

/** Pause after a sync that brought no lease: doubles up to the most that an error may ask for. */
const FIRST_PAUSE_MS = 2_000;

export function receive(state: DeviceState, message: FleetMessage, atMs: number): Step {
  const { session, job, held, record } = state;
  if (message.name === "document") {
    // By whatever carrier, connected or not (P1).
    const next = applyDocument(state, message.document);
    // A Beacon goes to everyone at once; if each confirmed it, they would all speak at once.
    const receiptOwed = state.receiptOwed || (next !== state && message.document.name !== "beacon");
    return only(next === state ? state : { ...next, receiptOwed });
  }
  if (!session) return only(state);
  switch (message.name) {
    case "role-notice":
      if (message.value.role === session.role) return only(state);
      return only({ ...withoutJob(state), session: { ...session, role: message.value.role } });
    case "error":
      return only(afterError(state, message.value, atMs));
    case "time": {
      const { nonce, time } = message.opened.value;
      if (job?.kind !== "time" || !equalBytes(job.nonce, nonce)) return only(state);
      if (time[0] !== held.trust.authority.value.terms.time || time[1] < record.signedSeconds)
        return only(state);
      const timed = { ...record, signedSeconds: time[1], poweredSeconds: 0 };
      return leave({ ...state, record: timed, anchorMs: atMs, needsTime: false });
    }
    case "sync-reply": {
      if (job?.kind !== "sync" || !equalBytes(job.nonce, message.nonce)) return only(state);
      const informed = message.documents.reduce(applyDocument, withoutJob(state));
      const leased = message.lease && applyLease(informed, message.lease, job.nonce, atMs);
      const next = leased ?? informed;
      const synced = {
        synced: leased !== undefined || session.synced,
        ...pause(session, leased !== undefined, atMs),
      };
      const receiptOwed =
        state.receiptOwed || next.held.directive !== held.directive || next.held.freed !== held.freed;
      return only({ ...next, receiptOwed, session: { ...session, ...synced } });
    }
    case "certificate-reply":
      return takeCertificate(state, message, atMs);
  }
}

/** A sync without a lease is asked again, ever more slowly. */
function pause(
  session: Session,
  fruitful: boolean,
  atMs: number,
): Pick<Session, "fruitless" | "quietUntilMs"> {
  if (fruitful) return { fruitless: 0, quietUntilMs: 0 };
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** session.fruitless, MAX_RETRY_AFTER_SECONDS * 1000);
  return { fruitless: session.fruitless + 1, quietUntilMs: atMs + pauseMs };
}

/** Nobody signs errors, so all they can do is delay, and not for long. */
function afterError(state: DeviceState, error: ErrorReply, atMs: number): DeviceState {
  const { session, job } = state;
  // The role changed while the message was on its way: the notice of the new one says what to do.
  if (error.code === "not-allowed") return state;
  if (!session || !job || (error.nonce && "nonce" in job && !equalBytes(error.nonce, job.nonce)))
    return state;
  const asked = Math.min(error.retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS) * 1000;
  const paused = pause(session, false, atMs);
  const quietUntilMs = Math.max(paused.quietUntilMs, atMs + asked);
  return { ...withoutJob(state), session: { ...session, ...paused, quietUntilMs } };
}

function takeCertificate(
  state: DeviceState,
  reply: FleetMessage & { name: "certificate-reply" },
  atMs: number,
): Step {
  const { job, record, held } = state;
  if (!job || !("key" in job) || !equalBytes(job.nonce, reply.nonce)) return only(state);
  const { verdict } = reply;
  const ours = verdict.profile === "ldevid" && verdict.number === record.number;
  const forNewKey = job.newKey !== undefined && equalBytes(verdict.publicKey.bytes, job.newKey.bytes);
  if (!ours || !forNewKey || verdict.notAfterSeconds < nowSeconds(state, atMs)) return only(state);
  const informed = reply.documents.reduce(applyDocument, withoutJob(state));
  const { request: _done, ...rest } = informed.record;
  const ldevid = { chain: reply.chain, key: job.key };
  const leaf = reply.chain[0] ?? new Uint8Array();
  const next = {
    ...informed,
    record: { ...rest, ldevid },
    held: { ...informed.held, ldevid: datesOf(leaf) },
  };
  const old = record.ldevid?.key;
  const forget = old && held.ldevid && old !== job.key ? [{ type: "remove-key", name: old } as const] : [];
  return leave(next, forget);
}
