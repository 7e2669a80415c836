/**
 * Who is at a gateway of the world, from the handshake on. It stands in for sockets, TLS and aedes; the sessions,
 * their requests and all rules are the broker's own. What is decided here, is decided in the callbacks of
 * broker/gateway.ts, and in their order. There is no resumed TLS session, and no limit on handshakes.
 */
import { type Admission, mayPublish, maySubscribe } from "../../broker/admission.js";
import { Answers } from "../../broker/answers.js";
import { type RequestContext, Requests } from "../../broker/gateway-requests.js";
import { type GatewayContext, Session } from "../../broker/gateway-session.js";
import { MAX_LOBBY_SESSIONS, MAX_SESSIONS, Sessions } from "../../broker/gateway-sessions.js";
import { MAX_UNDECIDED, Overload } from "../../broker/overload.js";
import type { FleetChange } from "../../fleet/link.js";
import type { Timer } from "../../protocol/clock.js";
import type { Crypto, Entropy } from "../../protocol/crypto.js";
import { Arrivals, type Login } from "./arrivals.js";
import type { Ears, End, Packet } from "./packet.js";

/** An application message that a gateway took. */
export interface Accepted {
  readonly gateway: string;
  /** Machine that sent it, whoever it says that it is. */
  readonly from: string;
  /** What the session may do at this moment, by what this gateway knows. */
  readonly admission: Admission;
  readonly number: number;
  /** Of the certificate that the session logged in with. */
  readonly generation: number;
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** What a gateway that is not honest does with what passes through it. */
export interface Meddling {
  /** From a device to the fleet, before any rule. */
  up?(from: string, payload: Uint8Array): readonly Uint8Array[];
  /** To a device, after all rules. */
  down?(to: string, payload: Uint8Array): readonly Uint8Array[];
}

export interface VisitParts extends GatewayContext {
  readonly gateway: string;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  /** As it is at this moment. */
  readonly meddling: () => Meddling;
  readonly onAccepted: (accepted: Accepted) => void;
}

/** From the handshake to the CONNECT. */
const CONNECT_MS = 5_000;

/** What the broker's `Session` needs of aedes' client. */
type Client = ConstructorParameters<typeof Session>[0];
type Publish = Extract<Packet, { type: "publish" }>;

interface Visitor {
  readonly from: string;
  readonly serial: number;
  readonly end: End;
  readonly patience: Timer;
  /** DER, leaf first; none in the lobby. */
  chain: readonly Uint8Array[];
  session?: Session;
  requests?: Requests;
}

export class Visits {
  readonly #parts: VisitParts;
  readonly #requests: RequestContext;
  readonly #sessions = new Sessions(MAX_SESSIONS, MAX_LOBBY_SESSIONS);
  readonly #visitors = new Set<Visitor>();
  readonly #arrivals: Arrivals;
  #serial = 0;

  constructor(parts: VisitParts) {
    this.#parts = parts;
    this.#requests = { ...parts, answers: new Answers(), overload: new Overload(MAX_UNDECIDED) };
    this.#arrivals = new Arrivals(parts);
  }

  /** Somebody connects, and is shown the server's half of the handshake. */
  accept(from: string, endFor: (ears: Ears) => End, server: Extract<Packet, { type: "server" }>): void {
    const end = endFor({
      packet: (packet) => this.#hears(visitor, packet),
      closed: () => this.#gone(visitor),
    });
    const patience = this.#parts.clock.after(CONNECT_MS, () => this.#drop(visitor));
    const visitor: Visitor = { from, serial: this.#serial++, end, patience, chain: [] };
    this.#visitors.add(visitor);
    end.send(server);
  }

  sessions(): readonly Session[] {
    return this.#sessions.all();
  }

  ofDevice(number: number): Session | undefined {
    return this.#sessions.ofDevice(number);
  }

  /** As broker/gateway.ts; whoever owns the gateway's own certificate renews that. */
  changed(change: FleetChange): void {
    if (change.type === "beacon" || change.type === "authority") this.#requests.answers.forget();
    switch (change.type) {
      case "standing":
        return this.ofDevice(change.number)?.refresh();
      case "push":
        void this.ofDevice(change.number)?.sendDown(change.document);
        return;
      case "beacon":
        return this.#broadcast(change.document, ...change.parts);
      case "broadcast":
        return this.#broadcast(change.document);
      case "authority":
        for (const visitor of this.#visitors) visitor.session?.reexamine(this.#arrivals.shown(visitor.chain));
    }
  }

  /** All are cut off. @param leave - how the gateway goes from a connection. */
  end(leave: (end: End) => void): void {
    for (const visitor of this.#visitors) {
      leave(visitor.end);
      this.#gone(visitor);
    }
  }

  #hears(visitor: Visitor, packet: Packet): void {
    if (packet.type === "login" && !visitor.session) this.#login(visitor, packet);
    else if (packet.type === "publish") this.#published(visitor, packet);
    else this.#drop(visitor); // against the protocol
  }

  #login(visitor: Visitor, login: Login): void {
    visitor.patience.cancel();
    const arrival = this.#arrivals.receive(login, visitor.serial, this.#sessions);
    if (!arrival) return this.#drop(visitor);
    visitor.chain = login.chain;
    visitor.session = new Session(this.#clientOf(visitor), arrival, this.#parts);
    visitor.requests = new Requests(visitor.session, this.#requests);
    this.#sessions.add(visitor.session);
    visitor.end.send({ type: "welcome" });
    this.#subscribe(visitor.session);
  }

  /** A device listens on `down`, and on `all` where its role lets it; nobody need wait for a SUBACK here. */
  #subscribe(session: Session): void {
    const { topics, link } = this.#parts;
    if (maySubscribe(topics, session.occupant(), topics.all)) {
      session.filters.add(topics.all);
      void session.send(topics.all, link.beacon(), true);
    }
    if (session.down !== undefined) session.filters.add(session.down);
    void session.notify();
  }

  #published(visitor: Visitor, { id, topic, payload }: Publish): void {
    const { from, session, requests } = visitor;
    const { topics, gateway, onAccepted, meddling } = this.#parts;
    if (!session || !requests || session.leaving) return this.#drop(visitor);
    // By what the fleet knows at this moment, whatever the session was told last (DESIGN.md I4).
    const occupant = session.occupant();
    if (!mayPublish(topics, occupant, topic)) return this.#drop(visitor);
    const taken = () => visitor.end.send({ type: "taken", id });
    if (topic === session.up) {
      const messages = meddling().up?.(from, payload) ?? [payload];
      void Promise.all(messages.map((message) => requests.ask(message))).then(taken);
      return;
    }
    const certificate = this.#arrivals.shown(visitor.chain);
    const { number } = occupant;
    if (typeof certificate === "string" || number === undefined)
      throw new Error("an application message was let through of somebody without a certificate");
    const { generation } = certificate;
    onAccepted({ gateway, from, admission: occupant, number, generation, topic, payload });
    taken();
  }

  /** aedes' client, as far as a session uses it. */
  #clientOf(visitor: Visitor): Client {
    const end = () => this.#drop(visitor);
    const client = {
      conn: { writableLength: 0, destroy: end, end },
      publish: ({ payload }: { payload: Uint8Array }, done: () => void) => {
        const sent = this.#parts.meddling().down?.(visitor.from, payload) ?? [payload];
        for (const each of sent) visitor.end.send({ type: "down", payload: new Uint8Array(each) });
        done();
      },
      unsubscribe: (_packet: unknown, done: () => void) => done(),
    };
    return client as unknown as Client;
  }

  #broadcast(...items: readonly Uint8Array[]): void {
    for (const session of this.#sessions.all())
      for (const item of items) void session.send(this.#parts.topics.all, item);
  }

  #drop(visitor: Visitor): void {
    visitor.end.close();
    this.#gone(visitor);
  }

  #gone(visitor: Visitor): void {
    if (!this.#visitors.delete(visitor)) return;
    visitor.patience.cancel();
    if (!visitor.session) return;
    this.#sessions.remove(visitor.session);
    visitor.session.ended();
  }
}
