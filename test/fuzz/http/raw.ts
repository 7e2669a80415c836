/** Bytes over a socket to an HTTP server, and the first answer that comes back, if one does. */
import { once } from "node:events";
import type { Socket } from "node:net";

export interface RawAnswer {
  /** How it ended: with an answer; the server waits for more; or it has closed and said nothing. */
  readonly end: "answered" | "waits" | "hung up";
  readonly status?: number;
  readonly type: string | null;
  readonly body: string;
}

/** Other requests that are answered meanwhile, before one counts as waiting for the rest of itself. */
const ROUNDS = 3;

/**
 * @param beside - asks something else of the same server and waits for the answer: who has been served since
 *   and is not answered yet, is not whole.
 */
export async function rawExchange(
  socket: Socket,
  bytes: Uint8Array,
  beside: () => Promise<unknown>,
): Promise<RawAnswer> {
  let [heard, closed] = ["", false];
  socket.on("data", (piece: Buffer) => (heard += piece.toString("latin1")));
  const gone = once(socket, "close").then(() => (closed = true));
  socket.write(bytes);
  for (let round = 0; round < ROUNDS && !isWhole(heard) && !closed; round++) await beside();
  const hungUp = closed && heard === "";
  socket.destroy();
  await gone;
  await beside(); // the server has noticed by then
  if (heard === "") return { end: hungUp ? "hung up" : "waits", type: null, body: "" };
  const [head = "", ...rest] = heard.split("\r\n\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  const type = /^content-type: (.*)$/im.exec(head)?.[1]?.trim() ?? null;
  return { end: "answered", status, type, body: bodyOf(head, rest.join("\r\n\r\n")) };
}

/** By its length, since others may be behind it on the same connection. */
function bodyOf(head: string, rest: string): string {
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return Buffer.from(length === undefined ? "" : rest.slice(0, Number(length)), "latin1").toString("utf8");
}

function isWhole(heard: string): boolean {
  const [head = "", rest] = heard.split("\r\n\r\n", 2);
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  return rest !== undefined && rest.length >= length;
}
