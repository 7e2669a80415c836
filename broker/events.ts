/** What a gateway reports of itself, for logs and tests. No keys, no payloads, no text that a peer chose. */
import type { RoleReason, SessionRole } from "../protocol/notice.js";

/** One open session. */
export interface SessionInfo {
  readonly role: SessionRole;
  readonly reason: RoleReason;
  /** Of the holder of the certificate; absent in the lobby. */
  readonly number?: number;
}

export type RefusalCode =
  // the connection is not let in
  | "address-rate" // too many connections from one network
  | "no-tls" // no ClientHello, or none in time
  | "tls" // no TLS 1.3 handshake
  | "stale-session" // resumed, but its certificate is not known here: a full handshake shows it
  | "login-rate" // one device too often
  | "client-id" // not the number in the certificate, or not a name
  | "will"
  | "keepalive"
  | "overloaded"
  | "no-connect" // TLS, and no CONNECT in time
  // the connection is cut
  | "packet-size" // over the bound, before or after it is let in
  | "packet-order" // the first packet is no CONNECT, or a length that is none
  | "topic" // published where it may not
  | "retain"
  | "qos"
  | "slow-reader" // does not take what it subscribed to
  | "lobby-requests" // asked too often
  // the request alone is refused, and the peer is told
  | "filter" // with too many of them the connection is cut
  | "message" // its role does not cover it, or it cannot be read
  | "busy" // too many requests wait
  | "request-rate" // one device too often
  | "fleet-unreachable";

/** Why a session ended: by itself, or by this gateway. */
export type Ending = "ended" | "replaced" | "dismissed" | "lobby-life" | "closing";

export type GatewayEvent =
  /** `resumed`: with the TLS session of an earlier connection. */
  | ({ readonly type: "opened"; readonly resumed: boolean } & SessionInfo)
  | ({ readonly type: "roleChanged" } & SessionInfo)
  | ({ readonly type: "closed"; readonly why: Ending } & SessionInfo)
  | {
      readonly type: "refused";
      readonly code: RefusalCode;
      /** For a person. */
      readonly why: string;
      readonly number?: number;
    }
  /** The gateway's own certificate was issued; or was not, and the old one serves on until the next try. */
  | { readonly type: "certified"; readonly notAfterSeconds: number }
  | { readonly type: "notCertified"; readonly why: string };
