/**
 * In front of the TLS handshake, which is the expensive part of a connection: who may begin one, and when. A
 * connection waits here, at the cost of a socket, until its whole ClientHello has come and it is its turn.
 * Where devices log in from, a few begin at once. Networks take turns, and each turn of the event loop begins few, so that open sessions are served in between.
 */
import type { Socket } from "node:net";
import type { Clock, Timer } from "../protocol/clock.js";
import { addressKey, FairQueue } from "./addresses.js";
import { Bucket, Buckets, type Rate } from "./buckets.js";
import type { GatewayEvent, RefusalCode } from "./events.js";
import { readHello } from "./hello.js";
import { forgetOldest } from "./oldest.js";
import { type Peer, peerOf, Unfinished } from "./unfinished.js";

export interface GateLimits {
  /** Handshakes that all together may begin. */
  readonly handshakes: Rate;
  /** Connections from one network: an IPv4 address, 64 bits of IPv6. Many devices may share one. */
  readonly perAddress: Rate;
  /** Connections that have said hello and wait for their turn. */
  readonly maxWaiting: number;
}

export const DEFAULT_LIMITS: GateLimits = {
  handshakes: { perSecond: 1_000, burst: 1_000 },
  perAddress: { perSecond: 100, burst: 2_000 },
  maxWaiting: 8_192,
};

/** From the connection to the whole ClientHello; a slow radio link needs some of it. */
const HELLO_MS = 5_000;
/** A device gives up on its attempt after 20 s: a handshake that begins later is in vain. */
const MAX_WAIT_MS = 15_000;
/** Begun in one turn of the event loop: some milliseconds of work. */
const BEGUN_AT_ONCE = 8;
/**
 * Handshakes of one network that are under way. When peers or this machine are slow, more at a time would make each
 * slower, until all of them run out of time together.
 */
const MAX_UNFINISHED_PER_ADDRESS = 64;
/** … of all together: some 50 KB each. */
const MAX_UNFINISHED = 4_096;
/** Of a network from which devices log in, so many begin without being looked at first. */
const MAX_UNSEEN = 8;
/** Such networks; the one not heard from for the longest is forgotten first. */
const MAX_KNOWN = 65_536;

interface Guest {
  readonly socket: Socket;
  readonly address: string;
  readonly arrivedMs: number;
  /** What came of its hello so far. */
  hello: Buffer;
}

export interface GateContext {
  readonly clock: Clock;
  readonly limits: GateLimits;
  /** Begins the handshake; what was read of the socket is put back. */
  readonly begin: (socket: Socket) => void;
  readonly onEvent: (event: GatewayEvent) => void;
}

export class Gate {
  readonly #context: GateContext;
  readonly #addresses: Buckets<string>;
  readonly #handshakes: Bucket;
  /** Of whom the whole hello has not come, oldest first. */
  readonly #greeting = new Set<Guest>();
  readonly #waiting: FairQueue<Guest>;
  readonly #unfinished = new Unfinished();
  /** Networks from which devices log in. */
  readonly #known = new Set<string>();
  readonly #timers: { hello?: Timer | undefined; turn?: Timer | undefined } = {};
  #pumping = false;

  constructor(context: GateContext) {
    const { clock, limits } = context;
    this.#context = context;
    this.#addresses = new Buckets(limits.perAddress);
    this.#handshakes = new Bucket(limits.handshakes, clock.nowMs());
    this.#waiting = new FairQueue(limits.maxWaiting);
  }

  /** Connections that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A new connection, from which nothing was read yet. */
  arrived(socket: Socket): void {
    const arrivedMs = this.#context.clock.nowMs();
    const address = addressKey(socket.remoteAddress ?? "");
    socket.on("error", ignored);
    if (this.#addresses.take(address, arrivedMs) > 0) {
      return this.#refuse(socket, "address-rate", "connects more often than one network may");
    }
    // To look at a hello costs as much as all else here: where devices come from, only when there are many.
    const isUnseen = this.#known.has(address) && this.#unfinished.hasRoom(address, MAX_UNSEEN);
    if (isUnseen && this.#waiting.size === 0 && this.#handshakes.take(arrivedMs) === 0)
      return this.#begin(socket, address);
    const guest: Guest = { socket, address, arrivedMs, hello: Buffer.alloc(0) };
    this.#greeting.add(guest);
    const readable = (): void => {
      const bytes = socket.read() as Buffer | null;
      if (!bytes) return;
      guest.hello = guest.hello.length === 0 ? bytes : Buffer.concat([guest.hello, bytes]);
      const hello = readHello(guest.hello);
      if (hello === "part") return;
      socket.off("readable", readable);
      this.#greeting.delete(guest);
      if (hello === "other") return this.#refuse(socket, "no-tls", "what it sent is no TLS ClientHello");
      this.#wait(guest);
    };
    socket.on("readable", readable);
    socket.once("close", () => this.#forget(guest));
    this.#watchGreetings();
  }

  /** A device has logged in over this connection. */
  welcome({ remoteAddress = "" }: Socket): void {
    const address = addressKey(remoteAddress);
    this.#known.delete(address); // and added again, as the newest
    this.#known.add(address);
    forgetOldest(this.#known, MAX_KNOWN);
  }

  /** The handshake of a connection that was begun is done. */
  finished(peer: Peer): void {
    if (this.#unfinished.remove(peer)) this.#pump();
  }

  close(): void {
    this.#timers.hello?.cancel();
    this.#timers.turn?.cancel();
  }

  #wait(guest: Guest): void {
    if (!this.#waiting.add(guest.address, guest)) {
      return this.#refuse(guest.socket, "overloaded", "too many connections wait for their handshake");
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#beginSome();
    });
  }

  #beginSome(): void {
    const { clock } = this.#context;
    for (let begun = 0; this.#waiting.size > 0 && this.#unfinished.size < MAX_UNFINISHED;) {
      if (begun === BEGUN_AT_ONCE) return this.#pump();
      const now = clock.nowMs();
      const pauseMs = this.#handshakes.missingMs(now);
      if (pauseMs > 0) {
        this.#timers.turn?.cancel();
        this.#timers.turn = clock.after(pauseMs, () => this.#beginSome());
        return;
      }
      const guest = this.#waiting.next((address) =>
        this.#unfinished.hasRoom(address, MAX_UNFINISHED_PER_ADDRESS),
      );
      if (!guest) return; // `finished` goes on
      if (now - guest.arrivedMs > MAX_WAIT_MS) {
        this.#refuse(guest.socket, "overloaded", "waited for its handshake for too long");
        continue;
      }
      this.#handshakes.take(now);
      begun += 1;
      guest.socket.unshift(guest.hello);
      this.#begin(guest.socket, guest.address);
    }
  }

  #begin(socket: Socket, address: string): void {
    const peer = peerOf(socket);
    this.#unfinished.add(peer, address);
    socket.once("close", () => this.finished(peer));
    socket.off("error", ignored);
    this.#context.begin(socket);
  }

  /** One timer for all: everyone has the same time, so the oldest is due first. */
  #watchGreetings(): void {
    if (this.#timers.hello) return;
    const [oldest] = this.#greeting;
    if (!oldest) return;
    const { clock } = this.#context;
    this.#timers.hello = clock.after(oldest.arrivedMs + HELLO_MS - clock.nowMs(), () => {
      this.#timers.hello = undefined;
      for (const guest of this.#greeting) {
        if (clock.nowMs() - guest.arrivedMs < HELLO_MS) break;
        this.#greeting.delete(guest);
        this.#refuse(guest.socket, "no-tls", "sent no whole ClientHello in time");
      }
      this.#watchGreetings();
    });
  }

  #forget(guest: Guest): void {
    this.#greeting.delete(guest);
    this.#waiting.remove(guest.address, guest);
  }

  /** With a reset, which leaves nothing behind in the system. */
  #refuse(socket: Socket, code: RefusalCode, why: string): void {
    this.#context.onEvent({ type: "refused", code, why });
    socket.resetAndDestroy();
  }
}

/** A connection that is reset while it waits is only gone. */
function ignored(): void {
  // `close` follows.
}
