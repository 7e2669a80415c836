/** Keeps what a peer sends, and what it does not take, within bounds, around aedes, which has none of its own. */
import type { TLSSocket } from "node:tls";
import { PacketMeter, type PacketFault } from "./packets.js";

/** Bytes that wait for a peer to read them; a peer that lets more wait is cut, since nobody waits for it. */
export const MAX_UNSENT_BYTES = 256 * 1024;

/**
 * Counts packets in front of aedes' parser, which buffers whatever a packet declares. aedes takes bytes by
 * calling `read`, so that call is wrapped, on this one socket; a second stream would cost each connection more.
 */
export function meterReads(socket: TLSSocket, onFault: (fault: PacketFault) => void): PacketMeter {
  const meter = new PacketMeter();
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  socket.read = (size) => {
    const chunk = read(size);
    const fault = chunk ? meter.feed(chunk) : undefined;
    if (!fault) return chunk;
    onFault(fault);
    socket.destroy();
    return null;
  };
  return meter;
}
