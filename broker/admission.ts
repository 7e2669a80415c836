/**
 * Who may connect, and what a session may do: pure rules over the certificate that was shown and what the
 * fleet knows of its holder. Everything that is not allowed here is refused.
 */
import type { Standing } from "../fleet/link.js";
import { utf8 } from "../protocol/bytes.js";
import { EnrollRequest, ReenrollRequest, RenewRequest, ReturnRequest } from "../protocol/certify.js";
import { AuthorityRequest } from "../protocol/authority-links.js";
import { LedgerRequest } from "../protocol/ledger-part.js";
import { isQuarantined } from "../protocol/level.js";
import type { RoleReason, SessionRole } from "../protocol/notice.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import { TimeRequest } from "../protocol/time.js";
import type { Topics } from "../protocol/topics.js";
import type { CertificateVerdict } from "../protocol/x509/verify.js";

/** What the verifier says of the chain that a peer showed; "bad": it does not verify. */
export type Shown = Verified | "none" | "bad";
type Verified = Pick<CertificateVerdict, "profile" | "number" | "generation" | "window">;

export interface Admission {
  readonly role: SessionRole;
  /** Why no more than that. */
  readonly reason: RoleReason;
  /** The holder's number; absent in the lobby, where nobody is anybody. */
  readonly number?: number;
}

/** What topic rules look at. `clientId`: as the client gave it; it names the lobby's topics. */
export interface Occupant extends Admission {
  readonly clientId: string;
}

/** Longest topic or filter, in bytes of UTF-8. */
export const MAX_TOPIC_BYTES = 256;

/** The narrowest role that fits. @param standing - undefined when the fleet does not know the number. */
export function admit(shown: Shown, standing: Standing | undefined): Admission {
  if (shown === "none") return { role: "lobby", reason: "no-certificate" };
  if (shown === "bad") return { role: "lobby", reason: "bad-certificate" };
  const { profile, number, window } = shown;
  if (window === "future") return { role: "lobby", reason: "future" };
  switch (profile) {
    case "gateway": // proves a server
    case "station": // speaks to devices and to imports, not here
      return { role: "lobby", reason: "bad-certificate" };
    case "service":
      return window === "current" ? { role: "service", reason: "ok", number } : lobbyExpired;
    case "idevid":
    case "ldevid":
      return standing ? admitKnown(shown, standing) : admitUnknown(shown);
  }
}

const lobbyExpired: Admission = { role: "lobby", reason: "expired" };

/** A factory identity is enough to ask; an operational one that the fleet has no record of is worth nothing. */
function admitUnknown({ profile, number }: Verified): Admission {
  return profile === "idevid"
    ? { role: "pledge", reason: "not-enrolled", number }
    : { role: "lobby", reason: "bad-certificate" };
}

function admitKnown(shown: Verified, standing: Standing): Admission {
  const { profile, number, window, generation } = shown;
  if (standing.level === "revoked") return { role: "held", reason: "revoked", number };
  if (profile === "ldevid" && generation < standing.lowestGeneration) {
    return { role: "lobby", reason: "old-generation" };
  }
  // Before the dates: what a certificate lost by ending is less than what the fleet took away (P6).
  if (isQuarantined(standing.level)) return { role: "held", reason: "quarantined", number };
  if (standing.suspected) return { role: "held", reason: "suspected", number }; // which of the two is it?
  if (profile === "idevid") {
    return { role: "pledge", reason: standing.enrolled ? "expired" : "not-enrolled", number };
  }
  if (window === "expired") return { role: "pledge", reason: "expired", number };
  return { role: "device", reason: "ok", number };
}

/** Asked for in frames, of a gateway that answers from what it has: proves itself, changes nothing. */
const FRAMES: Record<SessionRole, readonly number[]> = {
  lobby: [AuthorityRequest.type, TimeRequest.type],
  pledge: [AuthorityRequest.type],
  held: [AuthorityRequest.type, LedgerRequest.type],
  device: [AuthorityRequest.type, LedgerRequest.type],
  service: [],
};

/** May this session ask this in a frame? */
export function frameAllowed({ role, reason }: Admission, type: number): boolean {
  return reason !== "revoked" && FRAMES[role].includes(type);
}

const MESSAGES: Record<SessionRole, readonly number[]> = {
  lobby: [], // asks in frames alone
  pledge: [EnrollRequest.type, ReturnRequest.type, ReenrollRequest.type],
  held: [SyncRequest.type, Receipt.type, ReenrollRequest.type],
  device: [SyncRequest.type, Receipt.type, RenewRequest.type, ReenrollRequest.type],
  service: [],
};

/** May this session send an envelope of this message type? Whether what it asks is granted, the fleet decides. */
export function messageAllowed({ role, reason }: Admission, type: number): boolean {
  if (reason === "revoked") return type === SyncRequest.type; // is told so each time it asks, and nothing else
  return MESSAGES[role].includes(type);
}

/** The topic on which a session asks; undefined for a service, which only reads. */
export function upTopic(topics: Topics, { role, number, clientId }: Occupant): string | undefined {
  if (role === "lobby") return topics.lobbyUp(clientId);
  return role === "service" || number === undefined ? undefined : topics.up(number);
}

/** The topic on which it is answered. */
export function downTopic(topics: Topics, { role, number, clientId }: Occupant): string | undefined {
  if (role === "lobby") return topics.lobbyDown(clientId);
  return role === "service" || number === undefined ? undefined : topics.down(number);
}

export function mayPublish(topics: Topics, occupant: Occupant, topic: string): boolean {
  if (!wellFormed(topic) || /[+#]/.test(topic)) return false;
  if (topic === upTopic(topics, occupant)) return true;
  const { role, number } = occupant;
  return role === "device" && number !== undefined && topic.startsWith(topics.app(number));
}

export function maySubscribe(topics: Topics, occupant: Occupant, filter: string): boolean {
  if (!wellFormed(filter) || !wildcardsStandAlone(filter)) return false;
  const { role, number } = occupant;
  if (filter === downTopic(topics, occupant)) return true;
  if (filter === topics.all) return role === "held" || role === "device" || role === "service";
  if (role === "service") return filter.startsWith(APP_LEVEL);
  return role === "device" && number !== undefined && filter.startsWith(topics.app(number));
}

/** First level of every application topic. */
const APP_LEVEL = "app/";

/** No empty level, so a prefix that ends in "/" has something below it; no `$SYS`, no `$share`. */
function wellFormed(topic: string): boolean {
  return (
    utf8(topic).length <= MAX_TOPIC_BYTES &&
    !topic.startsWith("$") &&
    !/\p{Cc}/u.test(topic) && // would forge log lines
    topic.split("/").every((level) => level !== "")
  );
}

/** MQTT 3.1.1 §4.7.1: `+` is a whole level, `#` the whole last one. */
function wildcardsStandAlone(filter: string): boolean {
  const levels = filter.split("/");
  return levels.every((level, i) =>
    level.includes("#") ? level === "#" && i === levels.length - 1 : level === "+" || !level.includes("+"),
  );
}
