/** Connections that mean no good, one of each kind, from whatever address they are told to come from. */
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { RefusalCode } from "../../broker/events.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, utf8 } from "../../protocol/bytes.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";
import { testFleet } from "../x509/helpers.js";
import { connectPacket, DEVICE, identity, LDEVID, topics, type Identity } from "./harness.js";
import { fleet } from "./scripted-link.js";

interface From {
  readonly port: number;
  readonly localAddress: string;
}
interface Kind {
  /** Under which each of them is counted. */
  readonly code: RefusalCode;
  begin(from: From): Socket;
  /** The next bytes of who takes its time. */
  goOn?(socket: Socket, round: number): void;
}

/** A whole ClientHello, as a TLS client sends it. */
async function clientHello(): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const wire = new Duplex({ read: () => undefined, write: (bytes: Buffer) => resolve(bytes) });
    connectTls({ socket: wire, minVersion: "TLSv1.3" }).on("error", () => undefined);
  });
}

const HELLO = await clientHello();
const CONNECT = connectPacket(String(DEVICE));
const OWN = utf8(`${topics.app(DEVICE)}x`);
/** MQTT 3.1.1 §3.3, QoS 0 and no payload. */
const PUBLISH = concatBytes(Uint8Array.of(0x30, OWN.length + 2, 0, OWN.length), OWN);
/** Logs in with the name of a device and speaks for it. */
const SPEAK = concatBytes(CONNECT, PUBLISH);

function plain(code: RefusalCode, bytes: Uint8Array): Kind {
  const begin = (from: From): Socket => {
    const socket = connect({ host: "127.0.0.1", ...from });
    socket.write(bytes);
    return socket;
  };
  return { code, begin };
}

function tls(bytes: Uint8Array, code: RefusalCode, options: ConnectionOptions = {}): Kind {
  const begin = (from: From): Socket => {
    const socket = connectTls({ host: "127.0.0.1", rejectUnauthorized: false, ...from, ...options });
    return socket.once("secureConnect", () => socket.write(bytes));
  };
  return { code, begin };
}

/** The certificate of a device, one bit of its signature turned over. */
function mutated(...chain: readonly Uint8Array[]): Identity {
  const certificate = Uint8Array.from(fleet.ldevid.certificate);
  certificate[certificate.length - 1]! ^= 1;
  return { key: LDEVID.key, cert: certificatesToPem(certificate, ...chain) };
}

/** A device of another fleet, under the number of one of ours. */
function foreign(): Identity {
  const other = testFleet("ES256", nodeCrypto, "fleet of others");
  const device = other.member("4711", { profile: "ldevid", ...other.holder(DEVICE, 1) }, other.deviceCa);
  return identity("of others 4711", device, other.deviceCa);
}

export const KINDS: Record<string, Kind> = {
  "plain text": plain("no-tls", utf8("GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")),
  "nothing at all": plain("no-tls", new Uint8Array(0)),
  "half a hello": plain("no-tls", HELLO.subarray(0, HELLO.length / 2)),
  "a hello, then nothing": plain("tls", HELLO),
  "a hello, then what is no TLS": plain("tls", concatBytes(HELLO, new Uint8Array(64).fill(0x2a))),
  "TLS 1.2": tls(SPEAK, "tls", { ...LDEVID, maxVersion: "TLSv1.2" }),
  "a huge CONNECT": tls(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f), "packet-size", LDEVID),
  "no CONNECT first": tls(PUBLISH, "packet-order", LDEVID),
  "the name of another": tls(connectPacket("4712"), "client-id", LDEVID),
  "no certificate": tls(SPEAK, "topic"),
  "a self-signed certificate": tls(SPEAK, "topic", identity("root", fleet.root)),
  "a certificate of another fleet": tls(SPEAK, "topic", foreign()),
  "a mutated certificate": tls(SPEAK, "topic", mutated()),
  // With the CA beside it OpenSSL tries the signature by itself, and ends the handshake.
  "a mutated certificate and its CA": tls(SPEAK, "tls", mutated(fleet.deviceCa.certificate)),
  "TLS, then nothing": tls(new Uint8Array(0), "no-connect"),
  "a CONNECT byte by byte": {
    ...tls(CONNECT.subarray(0, 1), "no-connect"),
    goOn: (socket, round) => socket.write(CONNECT.subarray(round, round + 1)),
  },
};
