/** A line from a client to a NATS server that holds requests back, each with all that comes after it, until it is let go. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One request: the `nth` whose subject has `part` in it, 0 the first. */
export type Held = readonly [part: string, nth: number];

const PUBLISH = /^H?PUB (\S+) (?:.* )?(\d+)$/;

class Hold {
  readonly #held: Held;
  #seen = 0;
  /** Of the request. */
  readonly reached: Promise<void>;
  readonly isOpen: Promise<void>;
  reach: () => void = () => undefined;
  open: () => void = () => undefined;

  constructor(held: Held) {
    this.#held = held;
    this.reached = new Promise((resolve) => (this.reach = resolve));
    this.isOpen = new Promise((resolve) => (this.open = resolve));
  }

  /** @returns whether it is the one. */
  counts(subject: string): boolean {
    const [part, nth] = this.#held;
    return subject.includes(part) && this.#seen++ === nth;
  }
}

export class Gate {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #holds: readonly Hold[];

  /** @param port - of the server, on loopback. */
  static async start(port: number, ...held: readonly Held[]): Promise<Gate> {
    const gate = new Gate(port, held);
    gate.#server.listen(0, "127.0.0.1");
    await once(gate.#server, "listening");
    return gate;
  }

  private constructor(port: number, held: readonly Held[]) {
    this.#holds = held.map((one) => new Hold(one));
    this.#server = createServer((client) => {
      const server = connect(port, "127.0.0.1");
      this.#sockets.push(client, server);
      client.on("error", () => server.destroy()).on("close", () => server.destroy());
      server.on("error", () => client.destroy()).on("close", () => client.destroy());
      server.on("data", (chunk) => client.write(chunk));
      void this.#pass(client, server);
    });
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** @param which - of those that are held back. @returns once it has come. */
  async reached(which = 0): Promise<void> {
    await this.#holds[which]?.reached;
  }

  letGo(which = 0): void {
    this.#holds[which]?.open();
  }

  async close(): Promise<void> {
    for (const hold of this.#holds) hold.open();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(client: Socket, server: Socket): Promise<void> {
    let rest = Buffer.alloc(0);
    try {
      for await (const chunk of client) {
        rest = Buffer.concat([rest, chunk as Buffer]);
        for (let next = command(rest); next; next = command(rest)) {
          for (const hold of this.#holds) await passed(hold, next.subject);
          server.write(rest.subarray(0, next.length));
          rest = rest.subarray(next.length);
        }
      }
    } catch {
      server.destroy(); // the client has gone in the middle
    }
  }
}

async function passed(hold: Hold, subject: string | undefined): Promise<void> {
  if (subject === undefined || !hold.counts(subject)) return;
  hold.reach();
  await hold.isOpen;
}

/** The first command in `bytes`, if it is whole. */
function command(
  bytes: Buffer,
): { readonly length: number; readonly subject: string | undefined } | undefined {
  const line = bytes.indexOf("\r\n");
  if (line < 0) return undefined;
  const [, subject, sizeBytes] = PUBLISH.exec(bytes.toString("latin1", 0, line)) ?? [];
  const length = line + 2 + (sizeBytes === undefined ? 0 : Number(sizeBytes) + 2);
  return bytes.length < length ? undefined : { length, subject };
}
