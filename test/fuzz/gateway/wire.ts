/** A TLS connection to the gateway that speaks MQTT by the byte: it can send what no client would, and wait. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { Unacceptable } from "../edge.js";
import { readPackets } from "./mqtt-bytes.js";

/** A gateway that has not done by then what it must will not do it. */
const PATIENCE_MS = Number(process.env["DAYMARK_TEST_PATIENCE_MS"] ?? 20_000);

export class Wire {
  readonly #socket: TLSSocket;
  #unread: Buffer = Buffer.alloc(0);
  readonly #packets: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  closed = false;
  /** Bytes that the gateway has sent. */
  heard = 0;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined); // a reset is how some of these end
    socket.on("data", (piece: Buffer) => {
      this.heard += piece.length;
      this.#unread = Buffer.concat([this.#unread, piece]);
      const { packets, length } = readPackets(this.#unread);
      this.#packets.push(...packets);
      this.#unread = this.#unread.subarray(length);
      this.#wake();
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** With its handshake done. @throws when the gateway refuses it. */
  static async secure(port: number, identity: ConnectionOptions = {}): Promise<Wire> {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...identity });
    const wire = new Wire(socket);
    await once(socket, "secureConnect");
    return wire;
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** The next packet of this kind, those before it are dropped; undefined when the gateway closed instead. */
  async packet(first: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const found = this.#packets.shift();
      if (found && (found[0] ?? 0) >> 4 === first >> 4) return found;
      if (found) continue;
      if (this.closed) return undefined;
      await this.#change(`a packet of type ${first >> 4}`);
    }
  }

  /** Says that nothing more comes, and waits until the gateway has closed too. */
  async end(): Promise<void> {
    this.#socket.end();
    while (!this.closed) await this.#change("the end of the connection");
  }

  async #change(what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const patience = systemClock.after(PATIENCE_MS, () =>
        reject(new Unacceptable(`the gateway owes ${what}`)),
      );
      this.#wake = () => {
        patience.cancel();
        resolve();
      };
    });
  }
}

/** Says that nothing more comes, and resolves when the other side has closed too. @throws Unacceptable when it does not. */
export async function endOf(socket: Socket): Promise<void> {
  socket.resume();
  if (socket.closed) return;
  const closed = new Promise<void>((resolve, reject) => {
    const patience = systemClock.after(PATIENCE_MS, () =>
      reject(new Unacceptable("the gateway does not close")),
    );
    socket.once("close", () => {
      patience.cancel();
      resolve();
    });
  });
  socket.end();
  await closed;
}

/** A connection that has not even begun TLS. */
export async function plainSocket(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}
