/**
 * What comes before MQTT: bytes that are no TLS, handshakes that stop or go wrong, and whole handshakes with
 * strange certificates, after which nobody is more than a guest in the lobby.
 */
import { X509Certificate } from "node:crypto";
import { privateKeyObject } from "../../../protocol/adapters/node-crypto.js";
import { concatBytes, utf8 } from "../../../protocol/bytes.js";
import { certificatesToPem } from "../../../protocol/x509/pem.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { DEVICE } from "../../broker/harness.js";
import { forge } from "../../x509/forge.js";
import { testFleet, testKey, testSigner } from "../../x509/helpers.js";
import { type Draw, pick } from "../draw.js";
import { type Edge, type Input, Unacceptable } from "../edge.js";
import { Attacked } from "../gateway/attacked.js";
import { CLIENT_HELLO, LATER_RECORDS } from "../gateway/client-hello.js";
import { connect, PACKET } from "../gateway/mqtt-bytes.js";
import { endOf, plainSocket, Wire } from "../gateway/wire.js";
import { mutateBytes, noise } from "../mutate-bytes.js";
import { repeatable } from "../payload/keys.js";
import { alterCertificate } from "../payload/chain-targets.js";

/** The device's own key, with which it proves to hold whatever certificate it shows. */
const LDEVID_DER = testFleet("ES256", repeatable).ldevid.certificate;
const KEY = privateKeyObject(testKey("ES256", "fleet 4711", repeatable)).export({
  type: "pkcs8",
  format: "pem",
});

export const tlsEdge: Edge = {
  name: "tls",
  async open() {
    const attacked = await Attacked.open();
    const draw = drawer();
    return {
      draw,
      attempt: ({ target, parts }) =>
        attacked.during(() =>
          target === "certificate" ? showCertificate(attacked, parts) : sendRecords(attacked.port, parts),
        ),
      close: () => attacked.close(),
    };
  },
};

function drawer(): (draw: Draw) => Input {
  const { ldevid, deviceCa } = testFleet("ES256", repeatable);
  const self = testSigner("ES256", "fleet 4711");
  const all = [ldevid.certificate, deviceCa.certificate];
  return (draw) => {
    switch (draw(5)) {
      case 0:
        return { target: "no TLS", parts: [garbage(draw), noise(draw(40), draw)] };
      case 1:
        return {
          target: "hello",
          parts: [mutateBytes(CLIENT_HELLO, [CLIENT_HELLO, ...LATER_RECORDS], draw)],
        };
      case 2:
        return { target: "half a handshake", parts: [CLIENT_HELLO, later(draw), later(draw)] };
      case 3:
        return { target: "certificate", parts: [mutateBytes(ldevid.certificate, all, draw)] };
      default: {
        const forged = orRefusal(() =>
          forge(ldevid.certificate, self, (tbs) => alterCertificate(tbs, all, draw)),
        );
        return { target: "certificate", parts: [forged instanceof Uint8Array ? forged : new Uint8Array()] };
      }
    }
  };
}

/** Bytes; now and then such as a ClientHello begins with, and of any length that such a record may claim. */
function garbage(draw: Draw): Uint8Array {
  const head = draw(2) === 0 ? Uint8Array.of() : Uint8Array.of(22, 3, draw(5), draw(80), draw(256), draw(3));
  return concatBytes(head, noise(1 + draw(draw(10) === 0 ? 20_000 : 300), draw));
}

function later(draw: Draw): Uint8Array {
  const record = pick(draw, LATER_RECORDS);
  return draw(2) === 0 ? record : mutateBytes(record, LATER_RECORDS, draw);
}

/** One behind the other, each in a turn of its own. */
async function sendRecords(port: number, records: readonly Uint8Array[]): Promise<string> {
  const socket = await plainSocket(port);
  let heard = 0;
  socket.on("data", (piece: Buffer) => (heard += piece.length));
  for (const record of records) {
    if (!socket.destroyed) socket.write(record);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await endOf(socket);
  return heard > 0 ? "answered" : "closed";
}

/** A whole handshake with a certificate that no CA of the fleet has signed, or not so. */
async function showCertificate(
  attacked: Attacked,
  [der = new Uint8Array()]: readonly Uint8Array[],
): Promise<string> {
  const cert = certificatesToPem(der);
  let [genuine, wire]: [boolean, Wire | undefined] = [false, undefined];
  try {
    // What is behind the certificate is not sent: then it is the device's own.
    genuine = new X509Certificate(cert).raw.equals(LDEVID_DER);
    wire = await Wire.secure(attacked.port, { cert, key: KEY });
  } catch {
    return "not shown"; // our own TLS library does not take it
  }
  wire.send(connect(utf8(String(DEVICE))));
  const answer = await wire.packet(PACKET.connack);
  const strangers = attacked.strangers();
  await wire.end();
  if (strangers.length > 0 && !genuine)
    throw new Unacceptable(`let in as device ${strangers.join()} with a strange certificate`);
  return answer ? `CONNACK ${answer[3]}` : "closed";
}
