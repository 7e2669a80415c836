/** Peers as a broker meets them at its worst: one that stops reading, and a crowd of ordinary ones. */
import type { TLSSocket } from "node:tls";
import { connectPacket, identity, subscribePacket, type Identity, type Stage } from "./harness.js";
import { fleet, WORKING } from "./scripted-link.js";

/** CONNACK and SUBACK. */
const ANSWER_BYTES = 9;

/** Connects, subscribes, and from then on reads nothing. */
export async function stalledOn(
  stage: Stage,
  filter: string,
  clientId: string,
  shown: Identity,
): Promise<TLSSocket> {
  const socket = await stage.raw(shown);
  socket.write(connectPacket(clientId));
  socket.write(subscribePacket(filter));
  let size = 0;
  while (size < ANSWER_BYTES) {
    const chunk = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    size += chunk.length;
  }
  socket.removeAllListeners("data");
  socket.pause();
  return socket;
}

/** Devices in good standing, each with a key and certificate of its own; the first has number `from`. */
export function crowd(
  stage: Stage,
  size: number,
  from: number,
): readonly { readonly number: number; readonly shown: Identity }[] {
  return Array.from({ length: size }, (_, i) => {
    const number = from + i;
    stage.link.standings.set(number, WORKING);
    const profile = { profile: "ldevid", ...fleet.holder(number, 1) } as const;
    const label = String(number);
    return { number, shown: identity(label, fleet.member(label, profile, fleet.deviceCa)) };
  });
}
