/**
 * The link of a gateway to its fleet service in another process, as broker/adapters/remote-link.ts keeps it over
 * sockets, with the shipped replica: what was known stays while the service is away, and what was missed is told anew.
 */
import { Replica, type Tidings } from "../../broker/replica.js";
import type { FleetChange, FleetLink } from "../../fleet/link.js";
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import type { Span } from "./clocks.js";
import type { Answered, FleetNode } from "./fleet-node.js";
import { LinkLine } from "./link-line.js";
import type { Network } from "./network.js";
import type { Luck } from "./random.js";
import type { Happening, Schedule } from "./schedule.js";

export interface LinkParts {
  readonly gateway: string;
  readonly fleet: FleetNode;
  readonly network: Network;
  readonly schedule: Schedule;
  readonly luck: Luck;
  readonly crypto: Crypto;
  /** How long what the service says is on its way. */
  readonly linkMs: Span;
  /** Told of each answer to a device's message as it leaves the service. */
  readonly onAnswer: (answered: Answered) => void;
}

/** When nothing passes, the gateway takes the service for lost after this … */
const SILENCE_MS: Span = [2_000, 30_000];
/** … and it finds it again this long after something passes. */
const RETRY_MS: Span = [50, 2_000];

export class GatewayLink implements FleetLink {
  readonly #parts: LinkParts;
  readonly #replica: Replica;
  readonly #listeners = new Set<(change: FleetChange) => void>();
  readonly #unwatch: readonly (() => void)[];
  readonly #opened: () => void;
  #line: LinkLine | undefined;
  #due: Happening | undefined;

  private constructor(parts: LinkParts, opened: () => void) {
    this.#parts = parts;
    this.#opened = opened;
    this.#replica = new Replica(parts.crypto);
    const fleetChanged = () => {
      if (!parts.fleet.isRunning) this.#lose();
      this.#changed();
    };
    this.#unwatch = [parts.network.watch(() => this.#changed()), parts.fleet.watch(fleetChanged)];
    this.#changed();
  }

  /** Resolves with a link that has a whole snapshot, as soon as there is a service to give it. */
  static async open(parts: LinkParts): Promise<GatewayLink> {
    let link: GatewayLink | undefined;
    await new Promise<void>((opened) => (link = new GatewayLink(parts, opened)));
    if (!link) throw new Error("a promise runs what it is given");
    return link;
  }

  trust(): ReturnType<FleetLink["trust"]> {
    return this.#replica.trust;
  }

  standing(number: number): ReturnType<FleetLink["standing"]> {
    return this.#replica.standing(number);
  }

  beacon(): Uint8Array {
    return this.#replica.beacon;
  }

  ticketSeed(): Uint8Array {
    return this.#replica.ticketSeed;
  }

  handle(number: number, message: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#ask(async (door) => {
      const answers = await door.handle(number, message);
      this.#parts.onAnswer({ number, message, answers });
      return answers;
    });
  }

  ledger(frame: Uint8Array): Promise<readonly Uint8Array[]> {
    return this.#ask((door) => door.ledger(frame));
  }

  authorities(frame: Uint8Array): Promise<Uint8Array> {
    return this.#askOne((door) => door.authorities(frame));
  }

  time(frame: Uint8Array): Promise<Uint8Array> {
    return this.#askOne((door) => door.time(frame));
  }

  certifyGateway(publicKey: PublicKey, hosts: readonly string[]): Promise<readonly Uint8Array[]> {
    return this.#ask((door) => door.certifyGateway(publicKey, hosts));
  }

  watch(listener: (change: FleetChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The gateway's process ends. */
  close(): void {
    for (const unwatch of this.#unwatch) unwatch();
    this.#listeners.clear();
    this.#lose();
  }

  async #ask(question: Parameters<LinkLine["ask"]>[0]): Promise<readonly Uint8Array[]> {
    if (!this.#line) throw new Error("the fleet service is away");
    return this.#line.ask(question);
  }

  async #askOne(question: (door: FleetLink) => Promise<Uint8Array>): Promise<Uint8Array> {
    const [document] = await this.#ask(async (door) => [await question(door)]);
    if (!document) throw new Error("a question with one answer was given none");
    return document;
  }

  /** Something passes again, or does no more. */
  #changed(): void {
    const passes = this.#passes();
    if (this.#line && passes) {
      this.#waitNoMore();
      this.#line.pump();
    } else if (this.#line) {
      this.#later(SILENCE_MS, "loses the fleet", () => {
        this.#lose();
        this.#changed();
      });
    } else if (passes) this.#later(RETRY_MS, "finds the fleet", () => this.#connect());
  }

  #passes(): boolean {
    const { fleet, gateway, network } = this.#parts;
    const both = network.carries(gateway, fleet.name) && network.carries(fleet.name, gateway);
    return fleet.isRunning && both;
  }

  #connect(): void {
    if (!this.#passes()) return;
    const { fleet, gateway, network, schedule, luck, linkMs } = this.#parts;
    this.#line = new LinkLine({
      schedule,
      name: gateway,
      service: fleet.service,
      door: fleet.door,
      carriesUp: () => network.carries(gateway, fleet.name),
      carriesDown: () => network.carries(fleet.name, gateway),
      delayMs: () => (linkMs[1] === 0 ? 0 : luck.between(...linkMs)),
      told: (news) => this.#told(news),
    });
    this.#line.pump();
  }

  #lose(): void {
    this.#waitNoMore();
    this.#line?.lose();
    this.#line = undefined;
  }

  #later(span: Span, what: string, run: () => void): void {
    const { schedule, luck, gateway } = this.#parts;
    this.#due ??= schedule.after(luck.between(...span), gateway, what, () => {
      this.#due = undefined;
      run();
    });
  }

  #waitNoMore(): void {
    if (this.#due) this.#parts.schedule.cancel(this.#due);
    this.#due = undefined;
  }

  #told(news: Tidings): void {
    for (const change of this.#replica.take(news)) for (const listener of this.#listeners) listener(change);
    if (news.type === "ready") this.#opened();
  }
}
