/**
 * The fleet service: one loop of decide → seal → append → apply → tell. Only what is durable in the log
 * is applied or leaves (P4). Everything it knows is a fold over the log.
 */
import { openFirstAuthority, type Trust } from "../protocol/authority.js";
import { ledgerDigest } from "../protocol/beacon.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { toHex, utf8 } from "../protocol/bytes.js";
import { foundFleet } from "./ceremony.js";
import { FleetError } from "./errors.js";
import { type Act, type Fact, type FleetEvent, fromBase64Url, toBase64Url } from "./events.js";
import { type FleetKeys, strangeKey } from "./fleet-keys.js";
import type { FleetPolicy } from "./policy.js";
import type { EventLog, Position } from "./ports.js";
import { type Context, decide, type RegistryRequest } from "./registry.js";
import { openWork } from "./registry-acts.js";
import type { Refusal } from "./refusal.js";
import { sealFact, type SealingContext } from "./sealing.js";
import { apply, EMPTY_VIEW, type FleetView } from "./view.js";

export interface FleetOptions {
  readonly log: EventLog;
  readonly keys: FleetKeys;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly clock: Clock;
  readonly policy: FleetPolicy;
  /** For people; used when the fleet is founded. */
  readonly name: string;
}

/** Requests that wait for the log; further ones are refused as overloaded. */
const MAX_WAITING = 10_000;

export type Listener = (event: FleetEvent, position: Position) => void;
export type Outcome = { readonly refusal?: Refusal };

export class FleetService {
  readonly trust: Trust;
  readonly options: FleetOptions;
  #view: FleetView;
  readonly #ends: Map<string, Position>;
  readonly #listeners = new Set<Listener>();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  private constructor(options: FleetOptions, trust: Trust, folded: Folded) {
    this.options = options;
    this.trust = trust;
    this.#view = folded.view;
    this.#ends = folded.ends;
  }

  /** Reads the log, or founds the fleet in an empty one, and finishes what a crash left open. */
  static async open(options: FleetOptions): Promise<FleetService> {
    const { log, crypto, keys } = options;
    const folded: Folded = { view: freshView(), ends: new Map() };
    let authority: Uint8Array | undefined;
    for await (const { position, subject, events } of log.read(0)) {
      for (const event of events) {
        if (event.type === "fleet-created" && event.signed) authority = fromBase64Url(event.signed);
        folded.view = apply(folded.view, event);
      }
      folded.ends.set(subject, position);
    }
    const now = Math.floor(options.clock.nowMs() / 1000);
    const trust = authority
      ? openFirstAuthority(authority, crypto)
      : foundFleet(options.name, { ...options, now });
    const strange = strangeKey(keys, trust.authority.value);
    if (strange !== undefined) {
      throw new FleetError(
        "denied",
        `the ${strange} key in this folder is not that of the fleet in its log; bring both from one backup`,
      );
    }
    const service = new FleetService(options, trust, folded);
    if (!authority)
      await service.record("fleet", "fleet", () => ({ type: "fleet-created", name: options.name }));
    await service.#finishOpenWork();
    return service;
  }

  /** Not to be changed, and not to be kept: the next event may change what is inside. */
  get view(): FleetView {
    return this.#view;
  }

  /** Fleet time in Unix seconds: the clock's, and never before the newest event. */
  now(): number {
    return Math.max(Math.floor(this.options.clock.nowMs() / 1000), this.#view.lastAt);
  }

  sealing(): SealingContext {
    return { ...this.options, trust: this.trust, now: this.now() };
  }

  /** Decides a request that was authenticated. Durable, and applied to the view, once it resolves. */
  async request(request: RegistryRequest, actor: string): Promise<Outcome> {
    const outcome = await this.#inTurn(() => this.#decideOne(request, actor));
    await this.#finishOpenWork();
    return outcome;
  }

  /** Raises or lowers devices; `awaitingApproval` when a second person is needed. */
  async act(act: Act, actor: string): Promise<Outcome & { readonly id: string }> {
    const id = toHex(this.options.entropy(8));
    return { id, ...(await this.request({ type: "act", id, act }, actor)) };
  }

  /** @param digest - of what the approver saw: `actDigest`. */
  async approve(id: string, digest: string, actor: string): Promise<Outcome> {
    const outcome = await this.#inTurn(() => {
      const pending = this.#view.acts.get(id);
      const expectedDigest = pending ? this.actDigest(pending.act) : ""; // of this very moment
      return this.#decideOne({ type: "approve", id, actor, digest, expectedDigest }, actor);
    });
    await this.#finishOpenWork();
    return outcome;
  }

  /**
   * What an approval binds: 16 hex digits over kind, level, reason, the resolved set of devices and, for a
   * release, what holds each of them: who approves frees from what was seen, not from what came since.
   */
  actDigest(act: Act): string {
    const numbers = [...act.numbers].sort((a, b) => a - b);
    const held =
      act.kind === "release" ? numbers.map((n) => this.#view.devices.get(n)?.directive?.version) : [];
    const text = JSON.stringify([act.kind, act.level, act.reason, numbers, held]);
    return toHex(this.options.crypto.sha256(utf8(text)).subarray(0, 8));
  }

  /** Appends a fact that needs no decision, such as a certificate for a gateway. */
  async record(subject: string, actor: string, factFrom: (view: FleetView) => Fact): Promise<FleetEvent> {
    const [event] = await this.#inTurn(() => this.#append(subject, actor, [factFrom(this.#view)]));
    if (!event) throw new Error("one fact makes one event");
    return event;
  }

  /** Called for each event, in order, once all of its decision were applied. @returns a call that ends it. */
  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.options.log.close();
  }

  /** Runs one after the other: each decision sees the result of the one before. */
  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING)
      throw new FleetError("overloaded", "too many requests wait; try again later");
    this.#waiting++;
    const turn = this.#tail.then(run).finally(() => this.#waiting--);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #decideOne(request: RegistryRequest, actor: string): Promise<Outcome> {
    const decision = decide(this.#view, request, this.#context());
    if (!decision.accepted) return { refusal: decision.refusal };
    await this.#append(decision.subject, actor, decision.facts);
    return {};
  }

  async #append(subject: string, actor: string, facts: readonly Fact[]): Promise<readonly FleetEvent[]> {
    if (facts.length === 0) return [];
    const sealing = this.sealing();
    const events = facts.map((fact) => sealFact(fact, actor, sealing));
    const position = await this.options.log.append(subject, events, this.#ends.get(subject) ?? 0);
    this.#ends.set(subject, position);
    for (const event of events) this.#view = apply(this.#view, event);
    // Only now: a listener that fails leaves no decision half applied.
    for (const event of events) for (const listener of this.#listeners) listener(event, position);
    return events;
  }

  /** Carries out acts in force, device by device, then signs the ledger's new head. */
  async #finishOpenWork(): Promise<void> {
    await this.#inTurn(async () => {
      for (const work of openWork(this.#view)) await this.#decideOne(work, `act/${work.id}`);
      const { epoch, beacon, denied } = this.#view;
      if (beacon && beacon.version[1] === epoch) return;
      const generations = [...this.#view.devices.values()].filter(
        ({ lowestGeneration }) => lowestGeneration > 1,
      );
      const lowest = new Map(generations.map((device) => [device.number, device.lowestGeneration]));
      const digest = toBase64Url(ledgerDigest(denied, lowest, this.options.crypto));
      await this.#decideOne({ type: "issue-beacon", digest }, "fleet");
    });
  }

  #context(): Context {
    const { version, terms } = this.trust.authority.value;
    return { now: this.now(), policy: this.options.policy, authority: version, terms };
  }
}

interface Folded {
  view: FleetView;
  ends: Map<string, Position>;
}

/** `apply` changes the maps inside a view, so each service starts with its own. */
function freshView(): FleetView {
  return {
    ...EMPTY_VIEW,
    devices: new Map(),
    numberByHardware: new Map(),
    acts: new Map(),
    denied: new Set(),
  };
}
