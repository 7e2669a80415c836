/** A CONNECT that came over TLS: who is it, and is it let in? Checked anew at every connect. */
import type { TLSSocket } from "node:tls";
import type { FleetLink } from "../fleet/link.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto } from "../protocol/crypto.js";
import { verifyChain, type CertificateVerdict } from "../protocol/x509/verify.js";
import { admit, type Admission } from "./admission.js";
import { refuseConnect, RETURN_CODES, sessionKey, type Connect, type ConnectRefusal } from "./connect.js";
import type { Sessions } from "./gateway-sessions.js";
import { peerChain } from "./gateway-tls.js";

/** Who was let in, and as what. */
export interface Arrival {
  /** The name of its session; a newer session of the same key replaces an older one. */
  readonly key: string;
  /** As the client gave it. */
  readonly clientId: string;
  readonly certificate: CertificateVerdict | "none" | "bad";
  readonly admission: Admission;
}

export interface ArrivalContext {
  readonly link: FleetLink;
  readonly clock: Clock;
  readonly crypto: Crypto;
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
  const standing = typeof certificate === "string" ? undefined : context.link.standing(certificate.number);
  const admission = admit(certificate, standing);
  const refusal = refuseConnect(connect, admission);
  if (refusal) return refusal;
  const key = sessionKey(admission, connect.clientId, serial);
  if (sessions.hasRoom(key, admission)) {
    return { key, clientId: connect.clientId, certificate, admission };
  }
  const why = `this gateway holds as many sessions as it may (${admission.role})`;
  return { returnCode: RETURN_CODES.unavailable, code: "overloaded", why };
}

/** What the verifier says of the chain that a peer showed in its handshake. */
export function shownBy(socket: TLSSocket, { link, clock, crypto }: ArrivalContext): Arrival["certificate"] {
  const chain = peerChain(socket);
  if (chain.length === 0) return "none";
  const trust = link.trust().certificates;
  try {
    return verifyChain(chain, trust, Math.floor(clock.nowMs() / 1000), crypto);
  } catch {
    return "bad"; // whatever a stranger's certificate does to the verifier
  }
}
