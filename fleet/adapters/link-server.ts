/**
 * Where gateways of this machine reach the service: a unix socket that only the user of the service can open. What
 * they are told is link-feed.ts's; here it is sent as fast as they take it, and what they ask is handed over.
 */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { ProtocolError } from "../../protocol/errors.js";
import { FleetError } from "../errors.js";
import type { FleetChange, FleetLink } from "../link.js";
import { isForeseen, LinkFeed, type LinkSource } from "../link-feed.js";
import { PacketReader } from "../link-packets.js";
import { askFleet } from "../link-questions.js";
import { type Question, readQuestion } from "../link-wire.js";

export interface LinkServer {
  /** Cuts every gateway off, and removes the socket. */
  close(): Promise<void>;
}

/** Longest path that every system takes for a socket (sun_path of unix(7), and of macOS, which has less). */
const MAX_PATH_BYTES = 103;
/** Only its owner may connect. */
const NOT_OTHERS = 0o177;
/** Gateways at the same time; more are turned away. */
const MAX_GATEWAYS = 64;
/** Questions of one gateway on the way; beyond that no more are read from it. */
const MAX_OPEN_QUESTIONS = 1_024;

/** Where gateways of the fleet in `folder` find its service. */
export function linkPath(folder: string): string {
  return join(folder, "link.sock");
}

/**
 * Listens on `path`; a socket that a dead server left there is replaced, so the caller must have the folder locked.
 * @param report - what went wrong with one gateway, for a person.
 * @throws FleetError "bad-request" for a path that is too long, "storage-failed" when no socket can be made.
 */
export async function serveLink(
  source: LinkSource,
  path: string,
  report: (problem: string) => void,
): Promise<LinkServer> {
  const size = Buffer.byteLength(path);
  if (size > MAX_PATH_BYTES) {
    const why = `the path of a socket has at most ${MAX_PATH_BYTES} bytes, and ${path} has ${size}`;
    throw new FleetError("bad-request", `${why}; use a data folder with a shorter path`);
  }
  const lines = new Set<GatewayLine>();
  const server = createServer((socket) => {
    const line = new GatewayLine(socket, source, report);
    lines.add(line);
    socket.once("close", () => lines.delete(line));
  });
  server.maxConnections = MAX_GATEWAYS;
  try {
    await rm(path, { force: true });
    await listenPrivately(server, path);
  } catch (cause) {
    throw new FleetError("storage-failed", `no socket can be made at ${path}; check the folder`, { cause });
  }
  const unwatch = source.link.watch((change) => {
    for (const line of lines) line.changed(change);
  });
  return {
    async close() {
      unwatch();
      for (const line of lines) line.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sets the mode as the socket is made: changed later, it would be open to others for a moment. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(NOT_OTHERS);
  try {
    server.listen(path); // binds before it returns
  } finally {
    process.umask(before);
  }
  await once(server, "listening");
}

/** One gateway. */
class GatewayLine {
  readonly #socket: Socket;
  readonly #link: FleetLink;
  readonly #feed: LinkFeed;
  readonly #report: (problem: string) => void;
  readonly #reader = new PacketReader();
  #open = 0;
  #sending = false;

  constructor(socket: Socket, source: LinkSource, report: (problem: string) => void) {
    this.#socket = socket;
    this.#link = source.link;
    this.#feed = new LinkFeed(source);
    this.#report = report;
    socket.on("data", (chunk) => this.#heard(chunk));
    socket.on("drain", () => this.#send());
    socket.on("error", () => socket.destroy()); // a gateway that is gone comes back by itself
    this.#send();
  }

  changed(change: FleetChange): void {
    this.#feed.change(change);
    this.#sendSoon();
  }

  cut(): void {
    this.#socket.destroy();
  }

  #heard(chunk: Uint8Array): void {
    try {
      for (const packet of this.#reader.feed(chunk)) void this.#answer(readQuestion(packet));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#report(`cut off who does not speak as a gateway: ${error.message}`);
      this.cut();
    }
  }

  async #answer(question: Question): Promise<void> {
    this.#open += 1;
    if (this.#open >= MAX_OPEN_QUESTIONS) this.#socket.pause();
    try {
      this.#feed.answer(question.id, await askFleet(this.#link, question));
    } catch (error) {
      this.#feed.fail(question.id, error);
      if (!isForeseen(error)) this.#report(`a gateway's request failed: ${String(error)}`);
    }
    this.#open -= 1;
    if (this.#open < MAX_OPEN_QUESTIONS) this.#socket.resume();
    this.#sendSoon();
  }

  /** Once all that is told now is in the feed, which makes one packet of many standings. */
  #sendSoon(): void {
    if (this.#sending) return;
    this.#sending = true;
    queueMicrotask(() => {
      this.#sending = false;
      this.#send();
    });
  }

  #send(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.cork(); // small packets that go together are one write
    while (!socket.writableNeedDrain) {
      const packet = this.#feed.next();
      if (!packet) break;
      socket.write(packet);
    }
    socket.uncork();
    if (!this.#feed.isOverfull) return;
    this.#report("cut off a gateway that does not take what it is told; it may come again");
    this.cut();
  }
}
