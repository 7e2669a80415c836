/**
 * Whom a certificate names, as its subjectAltName (RFC 5280 §4.2.1.6): one SPIFFE-shaped URI, and for a
 * gateway the host names and addresses at which it is reached.
 */
import { fromHex, toHex, utf8 } from "../bytes.js";
import { ProtocolError } from "../errors.js";
import { context, der, TAG, type DerReader } from "./der.js";

export interface Holder {
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  /** The holder's permanent number within that fleet, unsigned 32 bit. */
  readonly number: number;
  /** Which of the device's operational keys, from 1; 0 in an IDevID and for everything but a device. */
  readonly generation: number;
}

/** First segment of the URI's path. */
export type HolderKind = "device" | "gateway" | "service" | "station";

/** What a gateway's certificate may list; each peer checks the one it dialled. */
export const MAX_HOSTS = 8;
const FLEET_ID_BYTES = 16;
const MAX_UINT32 = 0xffff_ffff;

/** GeneralName choices (RFC 5280 §4.2.1.6). */
const DNS_NAME = context(2);
const URI = context(6);
const IP_ADDRESS = context(7);

const HOLDER_URI =
  /^spiffe:\/\/([0-9a-f]{32})\/(?:(device)\/(\d{1,10})\/(\d{1,10})|(gateway|service|station)\/(\d{1,10}))$/;
/** RFC 1123 §2.1, lengths of RFC 1035 §2.3.4; the last label is no number, so that no address is a name. */
const DNS = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const IPV6_GROUP = /^[0-9a-f]{1,4}$/i;
const IPV6_GROUPS = 8;

/**
 * Value of the subjectAltName extension.
 * @param hosts - DNS names, IPv4 and IPv6 addresses; in the order in which they are written.
 * @throws ProtocolError "out-of-range".
 */
export function alternativeNames(kind: HolderKind, holder: Holder, hosts: readonly string[]): Uint8Array {
  return der(TAG.sequence, der(URI, utf8(holderUri(kind, holder))), ...hosts.map(generalName));
}

/** The reverse; IPv6 addresses come out without "::". */
export function readAlternativeNames(reader: DerReader): {
  kind: HolderKind;
  holder: Holder;
  hosts: string[];
} {
  const names = reader.enter(TAG.sequence);
  const uri = ascii(names.take(URI));
  const [, fleet, device, deviceNumber, generation, other, otherNumber] = HOLDER_URI.exec(uri) ?? [];
  if (fleet === undefined) {
    throw new ProtocolError("malformed", "a subjectAltName that names no holder in a fleet");
  }
  const hosts: string[] = [];
  while (names.peek() !== undefined) hosts.push(readHost(names));
  return {
    kind: (device ?? other) as HolderKind,
    holder: {
      fleetId: fromHex(fleet),
      number: Number(deviceNumber ?? otherNumber),
      generation: Number(generation ?? 0),
    },
    hosts,
  };
}

function holderUri(kind: HolderKind, { fleetId, number, generation }: Holder): string {
  if (fleetId.length !== FLEET_ID_BYTES)
    throw new ProtocolError("out-of-range", "a fleet id of another size");
  if (![number, generation].every((value) => Number.isInteger(value) && value >= 0 && value <= MAX_UINT32)) {
    throw new ProtocolError("out-of-range", "a number or generation outside unsigned 32 bit");
  }
  const path = kind === "device" ? `${number}/${generation}` : `${number}`;
  return `spiffe://${toHex(fleetId)}/${kind}/${path}`;
}

function generalName(host: string): Uint8Array {
  const address = addressBytes(host);
  if (address) return der(IP_ADDRESS, Uint8Array.from(address));
  if (!DNS.test(host)) {
    throw new ProtocolError("out-of-range", "a host that is no DNS name, IPv4 or IPv6 address");
  }
  return der(DNS_NAME, utf8(host));
}

function readHost(names: DerReader): string {
  if (names.peek() === DNS_NAME) return ascii(names.take(DNS_NAME));
  const address = names.take(IP_ADDRESS);
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: address.length / 2 }, (_, i) =>
    (((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0)).toString(16),
  );
  return groups.join(":");
}

/** 4 or 16 octets; undefined when `host` is not written as an address. */
function addressBytes(host: string): number[] | undefined {
  const octets = IPV4.exec(host)?.slice(1).map(Number);
  if (octets) return octets.every((octet) => octet <= 0xff) ? octets : undefined;
  const [head = "", tail, ...more] = host.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const missing = IPV6_GROUPS - before.length - after.length;
  if (more.length > 0 || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => "0"), ...after];
  if (!groups.every((group) => IPV6_GROUP.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16)).flatMap((value) => [value >> 8, value & 0xff]);
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
