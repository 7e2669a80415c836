/** A CONNECT that came over TLS: who is it, and is it let in? Checked anew at every connect. */
import type { TLSSocket } from "node:tls";
import type { FleetLink } from "../fleet/link.js";
import type { Clock } from "../protocol/clock.js";
import type { CertificateVerdict } from "../protocol/x509/verify.js";
import { admit, type Admission } from "./admission.js";
import type { Buckets } from "./buckets.js";
import { refuseConnect, RETURN_CODES, sessionKey, type Connect, type ConnectRefusal } from "./connect.js";
import type { Sessions } from "./gateway-sessions.js";
import { shownIn } from "./gateway-tls.js";
import type { Verdicts } from "./verdicts.js";

/** "none": it showed none. "bad": its chain does not verify. */
export type ShownCertificate = CertificateVerdict | "none" | "bad";

/** Who was let in, and as what. */
export interface Arrival {
  /** The name of its session; a newer session of the same key replaces an older one. */
  readonly key: string;
  /** As the client gave it. */
  readonly clientId: string;
  readonly certificate: ShownCertificate;
  /** With the TLS session of an earlier connection. */
  readonly resumed: boolean;
  readonly admission: Admission;
}

export interface ArrivalContext {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly verdicts: Verdicts;
  /** How often each device may log in. */
  readonly logins: Buckets<number>;
}

/** @param serial - of the connection, unique in this gateway. */
export function receive(
  socket: TLSSocket,
  connect: Connect,
  serial: number,
  sessions: Sessions,
  context: ArrivalContext,
): Arrival | ConnectRefusal {
  const certificate = shownBy(socket, context);
  if (certificate === "stale") {
    const why = "its TLS session was resumed, and its certificate is not known here any more";
    return { returnCode: RETURN_CODES.unavailable, code: "stale-session", why };
  }
  const standing = typeof certificate === "string" ? undefined : context.link.standing(certificate.number);
  const admission = admit(certificate, standing);
  const refusal = refuseConnect(connect, admission);
  if (refusal) return refusal;
  const { number, role } = admission;
  if (number !== undefined && context.logins.take(number, context.clock.nowMs()) > 0) {
    const why = "logs in more often than a device has a reason to";
    return { returnCode: RETURN_CODES.unavailable, code: "login-rate", why };
  }
  const key = sessionKey(admission, connect.clientId, serial);
  if (sessions.hasRoom(key, admission)) {
    const resumed = socket.isSessionReused();
    return { key, clientId: connect.clientId, certificate, resumed, admission };
  }
  const why = `this gateway holds as many sessions as it may (${role})`;
  return { returnCode: RETURN_CODES.unavailable, code: "overloaded", why };
}

/** What the verifier says of the certificate that a peer showed, in this handshake or the one that it resumed. */
export function shownBy(
  socket: TLSSocket,
  { link, clock, verdicts }: Pick<ArrivalContext, "link" | "clock" | "verdicts">,
): ShownCertificate | "stale" {
  const shown = shownIn(socket);
  if (!shown) return "none";
  return verdicts.of(shown, link.trust().certificates, Math.floor(clock.nowMs() / 1000));
}
