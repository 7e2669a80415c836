/**
 * MQTT packets over real TLS into a real gateway: nearly right ones in sessions of every kind, and what ends
 * a session, or comes before one. Each packet is an input. Beside it a good device is served all the time.
 */
import type { ConnectionOptions } from "node:tls";
import { LDEVID, SERVICE } from "../../broker/harness.js";
import { concatBytes } from "../../../protocol/bytes.js";
import { type Edge, Unacceptable } from "../edge.js";
import { Attacked } from "../gateway/attacked.js";
import { type Door, drawConversation } from "../gateway/conversations.js";
import { PACKET } from "../gateway/mqtt-bytes.js";

const IDENTITIES: Record<Door, ConnectionOptions> = { device: LDEVID, lobby: {}, service: SERVICE };

export const packetEdge: Edge = {
  name: "packet",
  countsParts: true,
  async open() {
    const attacked = await Attacked.open();
    return {
      draw: drawConversation,
      attempt: ({ target, parts }) =>
        attacked.during(async () => {
          const door = (target.split(",")[0] ?? "") as Door;
          return converse(attacked, IDENTITIES[door], parts, !target.includes("before"));
        }),
      close: () => attacked.close(),
    };
  },
};

/** @param admitted - the first packet is a good CONNECT: the session is open before anything else is said. */
async function converse(
  attacked: Attacked,
  identity: ConnectionOptions,
  packets: readonly Uint8Array[],
  admitted: boolean,
): Promise<string> {
  const wire = await attacked.secure(identity);
  const [first = new Uint8Array(), ...rest] = packets;
  if (admitted) {
    wire.send(first);
    const answer = await wire.packet(PACKET.connack);
    if (answer?.[3] !== 0)
      throw new Unacceptable(`a good CONNECT is answered with ${answer?.[3] ?? "nothing"}`);
  }
  const before = wire.heard;
  const bytes = admitted ? concatBytes(...rest) : concatBytes(first, ...rest);
  for (const piece of inPieces(bytes)) {
    wire.send(piece);
    if (piece.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await wire.end();
  return wire.heard > before ? "answered" : "closed";
}

/** Cut at places that the bytes themselves decide, so that an input is always cut in the same way. */
function* inPieces(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0; at < bytes.length;) {
    const size = 1 + (((bytes[at] ?? 0) * 7 + bytes.length) % 911);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
