/**
 * The MQTT side of a gateway: aedes asks at every step, and the rules of admission.ts answer. aedes keeps
 * no sessions, no retained messages and no queues here; what a device missed, it syncs.
 */
import type { TLSSocket } from "node:tls";
import type { AuthenticateError, Client, ConnectPacket, PublishPacket, Subscription } from "aedes";
import type { FleetChange } from "../fleet/link.js";
import { utf8 } from "../protocol/bytes.js";
import type { Timer } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { mayPublish, maySubscribe } from "./admission.js";
import { Answers } from "./answers.js";
import { Buckets, type Rate } from "./buckets.js";
import { RETURN_CODES, type ConnectRefusal } from "./connect.js";
import type { RefusalCode, SessionInfo } from "./events.js";
import { type ArrivalContext, receive, shownBy } from "./gateway-arrival.js";
import { Broker } from "./gateway-broker.js";
import { type RequestContext, Requests } from "./gateway-requests.js";
import { MAX_FILTERS, Session, type GatewayContext } from "./gateway-session.js";
import { Sessions } from "./gateway-sessions.js";
import { meterReads } from "./gateway-stream.js";
import { Overload } from "./overload.js";
import type { PacketMeter } from "./packets.js";
import { Verdicts } from "./verdicts.js";

export interface MqttContext extends GatewayContext {
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly maxSessions: number;
  readonly maxLobbySessions: number;
  readonly maxUndecided: number;
  /** Called for each device that is let in. */
  readonly welcome: (socket: TLSSocket) => void;
}

/** Peers whose certificates are verified again before others get their turn: about 20 ms. */
const EXAMINED_AT_ONCE = 100;
/** From the handshake to the CONNECT. */
const CONNECT_MS = 5_000;
/** Filters that one session may ask for in vain. */
const MAX_REFUSED_FILTERS = 64;
/** How long what was asked may still be answered when the gateway ends. */
const LAST_ANSWERS_MS = 5_000;
/** Logins of one device. Two clones that push each other out come to this, and so does a broken radio. */
const LOGIN_RATE: Rate = { perSecond: 1, burst: 120 };

/** One connection, from its handshake on. */
interface Visitor {
  readonly socket: TLSSocket;
  readonly serial: number;
  readonly meter: PacketMeter;
  /** Ends with the CONNECT. */
  readonly patience: Timer;
  session?: Session;
  requests?: Requests;
  refusal?: ConnectRefusal;
}

export class MqttGateway {
  readonly #context: MqttContext;
  readonly #sessions: Sessions;
  readonly #visitors = new Map<Client, Visitor>();
  readonly #admitted = new Set<Visitor>();
  readonly #broker: Broker;
  readonly #arrivals: ArrivalContext;
  readonly #requests: RequestContext;
  /** Requests under way. */
  readonly #asked = new Set<Promise<void>>();
  #isClosing = false;
  #unwatch: () => void = () => undefined;
  #serial = 0;

  constructor(context: MqttContext) {
    this.#context = context;
    this.#sessions = new Sessions(context.maxSessions, context.maxLobbySessions);
    const verdicts = new Verdicts(context.crypto);
    this.#arrivals = { ...context, verdicts, logins: new Buckets(LOGIN_RATE) };
    this.#requests = { ...context, answers: new Answers(), overload: new Overload(context.maxUndecided) };
    this.#broker = new Broker({
      preConnect: (client, packet, done) => {
        this.#connect(client, packet);
        done(null, true); // refused or not: only `authenticate` can say with which return code
      },
      authenticate: (client, _name, _password, done) => {
        const visitor = this.#visitors.get(client);
        if (visitor?.session) done(null, true);
        else done(refusedConnect(visitor?.refusal), false);
      },
      authorizePublish: (client, packet, done) => this.#publish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) =>
        done(null, this.#maySubscribe(client, subscription.topic) ? subscription : null),
      authorizeForward: (client, packet) => (this.#mayForward(client, packet.topic) ? packet : null),
    });
    this.#broker.on("subscribe", (subscriptions, client) => this.#subscribed(client, subscriptions));
    this.#broker.on("unsubscribe", (filters, client) => {
      for (const filter of filters) this.#visitors.get(client)?.session?.filters.delete(filter);
    });
  }

  async start(): Promise<void> {
    await this.#broker.listen();
    this.#unwatch = this.#context.link.watch((change) => this.#changed(change));
  }

  /** A connection whose TLS handshake is done. */
  accept(socket: TLSSocket): void {
    const client = this.#broker.handle(socket);
    const meter = meterReads(socket, (fault) =>
      this.#refused(client, fault, "a packet that is out of bounds"),
    );
    const patience = this.#context.clock.after(CONNECT_MS, () => {
      this.#refused(client, "no-connect", "sent no whole CONNECT in time");
      socket.destroy();
    });
    socket.once("close", () => {
      patience.cancel();
      this.#visitors.delete(client);
    });
    this.#visitors.set(client, { socket, serial: this.#serial++, meter, patience });
  }

  sessions(): readonly SessionInfo[] {
    return this.#sessions.all().map(({ admission }) => admission);
  }

  /** Answers what was asked, takes nothing more, and ends every session. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#lastAnswers();
    this.#unwatch();
    for (const session of this.#sessions.all()) session.end("closing");
    await new Promise<void>((resolve) => this.#broker.close(resolve));
  }

  /** Resolves when all are given, or the time for it is over. */
  #lastAnswers(): Promise<void> {
    return new Promise((resolve) => {
      const limit = this.#context.clock.after(LAST_ANSWERS_MS, resolve);
      void Promise.all(this.#asked).then(() => {
        limit.cancel();
        setImmediate(resolve); // aedes writes the last PUBACKs
      });
    });
  }

  #connect(client: Client, packet: ConnectPacket): void {
    const visitor = this.#visitors.get(client);
    visitor?.patience.cancel();
    if (!visitor || packet.protocolVersion === 5) return; // aedes answers MQTT 5 with return code 1
    const { clientId, keepalive, will } = packet;
    const connect = { clientId, keepaliveSeconds: keepalive ?? 0, hasWill: will !== undefined };
    const answer = receive(visitor.socket, connect, visitor.serial, this.#sessions, this.#arrivals);
    packet.clean = true; // a session ends with its connection: nothing is kept for who is away
    if ("code" in answer) {
      visitor.refusal = answer;
      packet.clientId = ""; // aedes then makes up an id, which is nobody's
      this.#refused(client, answer.code, answer.why);
      return;
    }
    packet.clientId = answer.key;
    const session = new Session(client, answer, this.#context);
    visitor.session = session;
    visitor.requests = new Requests(session, this.#requests);
    visitor.meter.admit();
    if (answer.admission.number !== undefined) this.#context.welcome(visitor.socket);
    this.#sessions.add(session);
    this.#admitted.add(visitor);
    visitor.socket.once("close", () => {
      this.#admitted.delete(visitor);
      this.#sessions.remove(session);
      session.ended();
    });
  }

  /** With an error aedes cuts the connection: in MQTT 3.1.1 that is the only way to not take a message (§3.3.5). */
  #publish(client: Client | null, packet: PublishPacket, done: (error?: Error) => void): void {
    const visitor = client ? this.#visitors.get(client) : undefined;
    if (this.#isClosing || !client || !visitor?.session || !visitor.requests || visitor.session.leaving) {
      done(new Error("no session"));
      return;
    }
    const { session, requests } = visitor;
    const refuse = (code: RefusalCode, why: string): void => {
      this.#refused(client, code, why);
      done(new Error(why));
    };
    if (packet.retain) return refuse("retain", "retained messages are not taken from a client");
    if (packet.qos === 2) return refuse("qos", "QoS 2 is not taken: everything here may arrive twice");
    // By what the fleet knows at this moment, whatever the session was told last (DESIGN.md I4).
    if (!mayPublish(this.#context.topics, session.occupant(), packet.topic)) {
      return refuse("topic", "published on a topic that its role does not cover");
    }
    if (packet.topic !== session.up) return done();
    const message =
      typeof packet.payload === "string" ? utf8(packet.payload) : new Uint8Array(packet.payload);
    const answered = requests.ask(message).then(() => done(), done);
    this.#asked.add(answered);
    void answered.then(() => this.#asked.delete(answered));
  }

  #maySubscribe(client: Client, filter: string): boolean {
    const session = this.#visitors.get(client)?.session;
    if (!session || session.leaving) return false;
    const room = session.filters.size < MAX_FILTERS || session.filters.has(filter);
    if (room && maySubscribe(this.#context.topics, session.occupant(), filter)) {
      session.filters.add(filter);
      return true;
    }
    this.#refused(client, "filter", room ? "a filter that its role does not cover" : "too many filters");
    session.refusedFilters += 1;
    if (session.refusedFilters > MAX_REFUSED_FILTERS) session.end("dismissed");
    return false;
  }

  /** Granted and acknowledged: tells a newcomer its role, and everyone the newest Beacon. */
  #subscribed(client: Client, subscriptions: readonly Subscription[]): void {
    const session = this.#visitors.get(client)?.session;
    const { topics, link } = this.#context;
    for (const { topic } of subscriptions) {
      if (!session?.filters.has(topic)) continue;
      if (topic === session.down) void session.notify();
      if (topic === topics.all) void session.send(topic, link.beacon(), true);
    }
  }

  /** Everything that goes down passes here, whoever sent it. */
  #mayForward(client: Client, topic: string): boolean {
    const session = this.#visitors.get(client)?.session;
    if (!session) return false;
    if (!session.reads()) return false;
    return topic === session.down || maySubscribe(this.#context.topics, session.occupant(), topic);
  }

  #changed(change: FleetChange): void {
    if (change.type === "beacon" || change.type === "authority") this.#requests.answers.forget();
    switch (change.type) {
      case "standing":
        return this.#sessions.ofDevice(change.number)?.refresh();
      case "push":
        void this.#sessions.ofDevice(change.number)?.sendDown(change.document);
        return;
      case "beacon":
        return this.#broadcast(change.document, ...change.parts);
      case "broadcast":
        return this.#broadcast(change.document);
      case "authority":
        void this.#reexamine();
    }
  }

  /** To everyone who listens on `all`. */
  #broadcast(...items: readonly Uint8Array[]): void {
    for (const session of this.#sessions.all())
      for (const item of items) void session.send(this.#context.topics.all, item);
  }

  /** Holds what every peer showed at its handshake against the CAs that count from now on. */
  async #reexamine(): Promise<void> {
    let examined = 0;
    for (const visitor of this.#admitted) {
      const shown = shownBy(visitor.socket, this.#arrivals);
      visitor.session?.reexamine(shown === "stale" ? "bad" : shown); // a new connection shows it whole
      examined += 1;
      if (examined % EXAMINED_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #refused(client: Client, code: RefusalCode, why: string): void {
    const number = this.#visitors.get(client)?.session?.admission.number;
    this.#context.onEvent({ type: "refused", code, why, ...(number === undefined ? {} : { number }) });
  }
}

function refusedConnect(refusal?: ConnectRefusal): AuthenticateError {
  const { why, returnCode } = refusal ?? { why: "no session", returnCode: RETURN_CODES.notAuthorized };
  return Object.assign(new Error(why), { returnCode });
}
