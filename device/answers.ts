/** What a device makes of what the fleet and its gateways say. Pure. */
import { equalBytes } from "../protocol/bytes.js";
import { isQuarantined } from "../protocol/level.js";
import { type ErrorReply, MAX_RETRY_AFTER_SECONDS, type RoleNotice } from "../protocol/notice.js";
import type { Opened } from "../protocol/envelope.js";
import type { Time } from "../protocol/time.js";
import type { FleetMessage } from "./edge.js";
import { answersChallenge, applyHeard, hear, takeChallengeReply, takeSyncReply } from "./hearing.js";
import { takeCertificate } from "./identity.js";
import { takeRefusal } from "./refusals.js";
import { type DeviceState, type Session, standing } from "./state.js";
import { leave, type Moment, only, type Step, withoutJob } from "./steps.js";
import { changeOwner } from "./transfer.js";

export function receive(state: DeviceState, message: FleetMessage, moment: Moment): Step {
  const { session, job } = state;
  const { atMs } = moment;
  switch (message.name) {
    case "document":
      return hear(state, { documents: [message.document] }, moment);
    case "links":
      return hear(state, { links: message.links }, moment);
    case "next-owner":
      return changeOwner(state, message.next, moment);
    case "ledger-part":
      return hear(state, { part: message.part }, moment);
    case "authority-reply":
      if (!session || job?.kind !== "authority") return hear(state, { links: message.links }, moment);
      return takeLinks(state, message, session, atMs);
    case "sync-reply":
      if (answersChallenge(state, message.nonce)) return takeChallengeReply(state, message, moment);
      if (!session || job?.kind !== "sync" || !equalBytes(job.nonce, message.nonce)) return only(state);
      return takeSyncReply(state, message, session, moment);
    case "role-notice":
      return session ? takeNotice(state, message.value, session) : only(state);
    case "error":
      return session ? afterError(state, message.value, session, atMs) : only(state);
    case "time":
      return session ? takeTime(state, message.opened, atMs) : only(state);
    case "certificate-reply":
      return session ? takeCertificate(state, message, atMs) : only(state);
  }
}

/** Asked again while there are more; an answer with nothing new was the last on this connection. */
function takeLinks(
  state: DeviceState,
  message: FleetMessage & { name: "authority-reply" },
  session: Session,
  atMs: number,
): Step {
  const { state: next } = applyHeard(withoutJob(state), message, atMs);
  const linksDone = next.held.trust === state.held.trust;
  return only({ ...next, session: { ...session, newestAuthority: message.newest, linksDone } });
}

/** What a gateway may have against an LDevID, and has not against an IDevID. */
const REFUSED_LDEVID: ReadonlySet<RoleNotice["reason"]> = new Set(["bad-certificate", "old-generation"]);

/** A notice in the lobby gives no role: nothing is asked there but what proves itself. */
function takeNotice(state: DeviceState, { role, reason, authority }: RoleNotice, before: Session): Step {
  const session = { ...before, newestAuthority: Math.max(before.newestAuthority, authority) };
  if (session.door === "lobby" || role === session.role) return only({ ...state, session });
  // What lowers or raises the role is a document. Where it did not come by itself, the next sync brings it.
  const isKnown = (role === "held") === isQuarantined(standing(state));
  const next = { ...withoutJob(state), session: { ...session, role, synced: session.synced && isKnown } };
  if (role !== "lobby" || !REFUSED_LDEVID.has(reason) || !state.held.ldevid) return only(next);
  // The CA of its LDevID may be gone: the IDevID says as well who it is (P9). If that is refused too, the
  // LDevID is tried again on the connection after this one, which nobody hurries.
  return state.asPledge ? only({ ...next, asPledge: false }) : leave({ ...state, asPledge: true });
}

function takeTime(state: DeviceState, { value: { nonce, time } }: Opened<Time>, atMs: number): Step {
  const { job, held, record } = state;
  if (job?.kind !== "time" || !equalBytes(job.nonce, nonce)) return only(state);
  if (time[0] !== held.trust.authority.value.terms.time || time[1] < record.signedSeconds) return only(state);
  const timed = { ...record, signedSeconds: time[1], poweredSeconds: 0 };
  return leave({ ...state, record: timed, anchorMs: atMs, needsTime: false });
}

/** Nobody signs errors, so they are heard only where a question waits, and delay it not for long. */
function afterError(state: DeviceState, error: ErrorReply, session: Session, atMs: number): Step {
  const { job } = state;
  // The role changed while the message was on its way: the notice of the new one says what to do.
  if (error.code === "not-allowed") return only(state);
  if (!job || (error.nonce && "nonce" in job && !equalBytes(error.nonce, job.nonce))) return only(state);
  if (job.kind === "time" && !state.needsTime) return leave(state); // it came for links: the front door may do
  const retryAfterSeconds = Math.min(error.retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS);
  return takeRefusal(state, session, { request: job.kind, code: error.code, retryAfterSeconds }, atMs);
}
