/**
 * One hostile connection, from its first byte to its end. It ends by itself after a while, whatever the gateway
 * does, and never fails: how it ended is its result.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { concatBytes } from "../../../protocol/bytes.js";
import type { Kind, Shows } from "./kinds.js";
import { saidIn } from "./packets.js";
import type { Ended, Ending } from "./tally.js";

/** From where to where. */
export interface Road {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
}

/** Made once for all connections. */
export type Contexts = Readonly<Record<Shows, SecureContext>>;

/** Longer than a gateway gives anybody for a hello, a handshake or a CONNECT: 10 s at most. */
const PATIENCE_MS = 20_000;
/** Between two bytes of who takes its time. */
const BYTE_MS = 500;
/** More than any answer to a stranger; what comes after it is not kept. */
const MAX_KEPT_BYTES = 1_024;

export async function attempt(kind: Kind, road: Road, contexts: Contexts): Promise<Ended> {
  const session = kind.tls === "resumed" ? await lobbySession(road, contexts.resumed) : undefined;
  const socket = opened(kind.tls, road, contexts, session);
  const ready = kind.tls === undefined ? "connect" : "secureConnect";
  let heard: Uint8Array = new Uint8Array(0);
  let [reached, resumed] = [false, false];
  let beat: NodeJS.Timeout | undefined;
  socket.once("connect", () => (reached = true));
  socket.once(ready, () => {
    resumed = "isSessionReused" in socket && socket.isSessionReused();
    if (kind.slowly) beat = dribble(socket, kind.sends);
    else if (kind.sends.length > 0) socket.write(kind.sends);
  });
  socket.on("data", (bytes: Buffer) => {
    if (heard.length < MAX_KEPT_BYTES) heard = concatBytes(heard, bytes);
  });
  const outlasted = await over(socket);
  clearInterval(beat);
  const how: Ending = outlasted ? "outlasted" : reached ? "cut" : "unreached";
  return { kind: kind.name, how, resumed, ...saidIn(heard) };
}

/** A session that a gateway gives to anybody: what comes after it is asked for without a certificate. */
async function lobbySession(road: Road, secureContext: SecureContext): Promise<Buffer | undefined> {
  const socket = connectTls({ ...road, secureContext, rejectUnauthorized: false });
  let session: Buffer | undefined;
  socket.once("session", (ticket: Buffer) => {
    session = ticket;
    socket.destroy();
  });
  await over(socket);
  return session;
}

function opened(
  shows: Shows | undefined,
  road: Road,
  contexts: Contexts,
  session: Buffer | undefined,
): Socket | TLSSocket {
  if (shows === undefined) return connectTcp(road);
  const secureContext = contexts[shows];
  return connectTls({ ...road, secureContext, rejectUnauthorized: false, ...(session && { session }) });
}

/** Resolves when it is closed. @returns true when nobody else closed it in time. */
async function over(socket: Socket): Promise<boolean> {
  let outlasted = false;
  const patience = setTimeout(() => {
    outlasted = true;
    socket.destroy();
  }, PATIENCE_MS);
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.on("error", () => undefined); // a reset is how many of these end
    socket.once("end", () => socket.destroy());
  });
  clearTimeout(patience);
  return outlasted;
}

function dribble(socket: Socket, bytes: Uint8Array): NodeJS.Timeout {
  let sent = 0;
  return setInterval(() => {
    if (sent < bytes.length && socket.writable) socket.write(bytes.subarray(sent, ++sent));
  }, BYTE_MS);
}
