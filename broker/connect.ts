/** How a CONNECT is answered: under which key a session is kept, or with which return code it is refused. Pure. */
import type { Admission } from "./admission.js";
import type { RefusalCode } from "./events.js";

/** What counts in a CONNECT packet. User name and password are not looked at: the certificate is the login. */
export interface Connect {
  readonly clientId: string;
  readonly keepaliveSeconds: number;
  readonly hasWill: boolean;
}

export interface ConnectRefusal {
  /** MQTT 3.1.1 §3.2.2.3. */
  readonly returnCode: (typeof RETURN_CODES)[keyof typeof RETURN_CODES];
  readonly code: RefusalCode;
  readonly why: string;
}

export const RETURN_CODES = { identifierRejected: 2, unavailable: 3, notAuthorized: 5 } as const;

/** A peer that says nothing for longer than one and a half times this is gone (MQTT 3.1.1 §3.1.2.10). */
const MAX_KEEPALIVE_SECONDS = 1_200;
/** Of lobby and services; the client id of a device is its number. */
const CLIENT_ID = /^[A-Za-z0-9-]{1,64}$/;

/** @returns what is wrong with the packet, if anything. */
export function refuseConnect(connect: Connect, admission: Admission): ConnectRefusal | undefined {
  const { clientId, keepaliveSeconds, hasWill } = connect;
  if (hasWill) return notAuthorized("will", "wills are not kept: a gateway does not speak for who is gone");
  if (keepaliveSeconds < 1 || keepaliveSeconds > MAX_KEEPALIVE_SECONDS) {
    return notAuthorized("keepalive", `the keepalive is 1 to ${MAX_KEEPALIVE_SECONDS} seconds`);
  }
  switch (admission.role) {
    case "lobby":
      return CLIENT_ID.test(clientId) ? undefined : identifier("letters, digits and hyphens, 1 to 64");
    case "service":
      if (CLIENT_ID.test(clientId) && !/^\d+$/.test(clientId)) return undefined;
      return identifier("letters, digits and hyphens, 1 to 64, and no number: those are the devices'");
    default:
      return clientId === String(admission.number)
        ? undefined
        : identifier("the number in the certificate, in decimal");
  }
}

/**
 * The name under which aedes and we keep the session; a newer session of the same key replaces the older.
 * Keys of different kinds never meet, so nobody replaces a device but the holder of its certificate. In the
 * lobby, where anyone may claim any name, every connection has a key of its own.
 * @param serial - of the connection, unique in this gateway.
 */
export function sessionKey({ role, number }: Admission, clientId: string, serial: number): string {
  if (role === "lobby" || number === undefined) return `lobby/${serial}`;
  return role === "service" ? `service/${number}/${clientId}` : deviceKey(number);
}

export function deviceKey(number: number): string {
  return String(number);
}

function notAuthorized(code: RefusalCode, why: string): ConnectRefusal {
  return { returnCode: RETURN_CODES.notAuthorized, code, why };
}

function identifier(allowed: string): ConnectRefusal {
  return { returnCode: RETURN_CODES.identifierRejected, code: "client-id", why: `a client id is ${allowed}` };
}
