/**
 * The fleet service: one loop of decide → seal → append → apply → tell. Only what is durable in the log
 * is applied or leaves (P4). Everything it knows is a fold over the log.
 */
import type { Trust } from "../protocol/authority.js";
import { toHex } from "../protocol/bytes.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { contentDigest } from "../protocol/ledger/content.js";
import { approvalDigest } from "./act-digest.js";
import { type Act, type DecidedFact, type FleetEvent, toBase64Url } from "./events.js";
import { keysInUse, type ServiceKeys, signsAlone, type StagedKeys } from "./fleet-keys.js";
import { emptyFold, type Folded, foldEvent } from "./fold.js";
import { withoutDeadCertificates } from "./issuers.js";
import { wholeContent } from "./ledger-history.js";
import type { FleetPolicy } from "./policy.js";
import type { EventLog, Position } from "./ports.js";
import { type Context, decide, type RegistryRequest } from "./registry.js";
import { beaconDue } from "./registry-beacon.js";
import { openWork } from "./registry-work.js";
import { FLEET_SUBJECT, type Refusal } from "./refusal.js";
import { type Renew, RenewedSignatures } from "./renewed-signatures.js";
import { sealFact, type SealingContext } from "./sealing.js";
import { assertFounds, assertKeepsReleases, firstAuthority, nextAuthority } from "./succession.js";
import { Turns } from "./turns.js";
import type { FleetView } from "./view.js";

export interface FleetOptions {
  readonly log: EventLog;
  readonly keys: ServiceKeys;
  /** Keys that wait for an Authority that names them; absent: there are none. */
  readonly staged?: StagedKeys;
  /** Authority version 1, signed elsewhere, for an empty log; absent: the fleet is founded here. */
  readonly founding?: Uint8Array | undefined;
  /** Seals sync tokens: 32 bytes, the same as long as the fleet lives. With another, every device that syncs is suspected. */
  readonly tokenSecret: Uint8Array;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly clock: Clock;
  readonly policy: FleetPolicy;
  /** What a verifier of evidence makes of a device that wants to come back; absent: there is none. */
  readonly attest?: (number: number) => boolean;
  /** For people; used when the fleet is founded here. */
  readonly name: string;
}

export type Listener = (event: FleetEvent, position: Position) => void;
export type Outcome = { readonly refusal?: Refusal };

export class FleetService {
  readonly options: FleetOptions;
  #folded: Folded;
  #keys: ServiceKeys;
  readonly #ends: Map<string, Position>;
  readonly #listeners = new Set<Listener>();
  readonly #turns = new Turns();
  readonly #signatures = new RenewedSignatures();
  /** Of what goes out, from the log: as the keys of today sign it. */
  readonly renew: Renew = (document) => this.#signatures.renewed(document, this.sealing());

  private constructor(options: FleetOptions, folded: Folded, ends: Map<string, Position>) {
    this.options = options;
    this.#folded = folded;
    this.#keys = options.keys;
    this.#ends = ends;
  }

  /**
   * Reads the log, or founds the fleet in an empty one, and finishes what a crash left open.
   * @throws FleetError "denied" and "conflict" for keys or a founding that are not those of the log.
   */
  static async open(options: FleetOptions): Promise<FleetService> {
    const { log, crypto } = options;
    let folded = emptyFold();
    const ends = new Map<string, Position>();
    for await (const { position, subject, events } of log.read(0)) {
      for (const event of events) folded = foldEvent(folded, event, crypto);
      ends.set(subject, position);
    }
    const service = new FleetService(options, folded, ends);
    const [first] = folded.chain;
    if (first && options.founding) assertFounds(options.founding, first, crypto);
    await (first ? service.#takeKeys(folded.chain) : service.#found());
    await service.#finishOpenWork();
    return service;
  }

  /** Not to be changed, and not to be kept: the next event may change what is inside. */
  get view(): FleetView {
    return this.#folded.view;
  }

  /** The newest Authority. Not to be kept. */
  get trust(): Trust {
    const newest = this.#folded.chain.at(-1);
    if (!newest) throw new Error("a fleet that is open was founded");
    return newest;
  }

  /** What it signs with now. */
  get keys(): ServiceKeys {
    return this.#keys;
  }

  /** Fleet time in Unix seconds: the clock's, and never before the newest event, nor before its term began. */
  now(): number {
    return Math.max(Math.floor(this.options.clock.nowMs() / 1000), this.#folded.timeFloor);
  }

  sealing(): SealingContext {
    return { ...this.options, keys: this.#keys, trust: this.trust, view: this.view, now: this.now() };
  }

  /** What decisions are made on, beside the view. */
  context(): Context {
    const { crypto, policy } = this.options;
    const { value } = this.trust.authority;
    const releaseOnline = signsAlone("release", this.#keys, value);
    const transferOnline = signsAlone("transfer", this.#keys, value);
    const { version: authority, terms } = value;
    return { now: this.now(), policy, authority, terms, releaseOnline, transferOnline, crypto };
  }

  /** Decides a request that was authenticated. Durable, and applied to the view, once it resolves. */
  async request(request: RegistryRequest, actor: string): Promise<Outcome> {
    const outcome = await this.#turns.take(() => this.#decideOne(request, actor));
    await this.#finishOpenWork();
    return outcome;
  }

  /** What an operator wants; some acts wait for a second person. */
  async act(act: Act, actor: string): Promise<Outcome & { readonly id: string }> {
    const id = toHex(this.options.entropy(8));
    return { id, ...(await this.request({ type: "act", id, act }, actor)) };
  }

  /** @param digest - of what the approver saw: `actDigest`. */
  async approve(id: string, digest: string, actor: string): Promise<Outcome> {
    return this.request({ type: "approve", id, actor, digest }, actor);
  }

  /** What an approval binds: 16 hex digits over the act and all that it stands on at this moment. */
  actDigest(act: Act): string {
    return approvalDigest(this.view, act, this.options.crypto);
  }

  /**
   * Takes the next link of the chain of Authorities; one that is known already changes nothing. The link is in
   * the log before any key file is moved; what a crash leaves open in between, the next start does.
   * @throws ProtocolError for a link that does not prove itself, or not as the next; FleetError "conflict" when
   *   it names keys that are not here or ends releases that nobody can sign again, or another link of this
   *   version is in the log.
   */
  async installAuthority(link: Uint8Array, actor: string): Promise<void> {
    await this.#turns.take(() => this.#install(link, actor));
    await this.#finishOpenWork();
  }

  /** Appends a fact that needs no decision, such as a certificate for a gateway. */
  async record(
    subject: string,
    actor: string,
    factFrom: (view: FleetView) => DecidedFact,
  ): Promise<FleetEvent> {
    const [event] = await this.#turns.take(() => this.#append(subject, actor, [factFrom(this.view)]));
    if (!event) throw new Error("one fact makes one event");
    return event;
  }

  /** Called for each event, in order, once all of its decision were applied. @returns a call that ends it. */
  onEvent(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.options.log.close();
  }

  async #found(): Promise<void> {
    const at = this.now();
    const first = firstAuthority(this.options, at);
    await this.#takeKeys([first]); // before anything is in the log: it would be the log of other keys
    const { bytes, value } = first.authority;
    const fact = { type: "fleet-created", name: value.name, signed: toBase64Url(bytes) } as const;
    await this.#turns.take(() => this.#commit(FLEET_SUBJECT, [{ ...fact, at, actor: "fleet" }]));
  }

  async #install(link: Uint8Array, actor: string): Promise<void> {
    const { chain } = this.#folded;
    const next = nextAuthority(link, chain, this.options.crypto);
    if (!next) return;
    const use = await this.#choose([...chain, next]);
    assertKeepsReleases(this.trust.authority.value, next.authority.value, use.keys);
    const { version, terms } = next.authority.value;
    const before = this.trust.authority.value.terms;
    const [newDirectives, newTime] = [terms.directive !== before.directive, terms.time !== before.time];
    const begun = { type: "authority-issued", version, newDirectives, newTime } as const;
    const fact = { ...begun, signed: toBase64Url(link) };
    await this.#append(FLEET_SUBJECT, actor, [fact], () => (this.#keys = use.keys));
    await this.options.staged?.settle(use);
  }

  /** The keys that the newest Authority names, from now on. */
  async #takeKeys(chain: readonly Trust[]): Promise<void> {
    const use = await this.#choose(chain);
    this.#keys = use.keys;
    await this.options.staged?.settle(use);
  }

  async #choose(chain: readonly Trust[]): Promise<ReturnType<typeof keysInUse>> {
    const authorities = chain.map(({ authority }) => authority.value);
    return keysInUse(authorities, this.#keys, (await this.options.staged?.read()) ?? {});
  }

  async #decideOne(request: RegistryRequest, actor: string): Promise<Outcome> {
    const view =
      request.type === "certify" ? withoutDeadCertificates(this.view, request.number, this.trust) : this.view;
    const decision = decide(view, request, this.context());
    const recorded = decision.accepted ? decision : decision.noted;
    if (recorded) await this.#append(recorded.subject, actor, recorded.facts);
    return decision.accepted ? {} : { refusal: decision.refusal };
  }

  async #append(
    subject: string,
    actor: string,
    facts: readonly DecidedFact[],
    applied?: () => void,
  ): Promise<readonly FleetEvent[]> {
    if (facts.length === 0) return [];
    const sealing = this.sealing();
    const events = facts.map((fact) => sealFact(fact, actor, sealing));
    await this.#commit(subject, events, applied);
    return events;
  }

  /** @param applied - called when the events are in the view, before anybody is told. */
  async #commit(subject: string, events: readonly FleetEvent[], applied?: () => void): Promise<void> {
    const position = await this.options.log.append(subject, events, this.#ends.get(subject) ?? 0);
    this.#ends.set(subject, position);
    for (const event of events) this.#folded = foldEvent(this.#folded, event, this.options.crypto);
    applied?.();
    // Only now: a listener that fails leaves no decision half applied.
    for (const event of events) for (const listener of this.#listeners) listener(event, position);
  }

  /** Does what decisions leave to be done, device by device, then signs the ledger's new head. */
  async #finishOpenWork(): Promise<void> {
    await this.#turns.take(async () => {
      for (let work = this.#openWork(); work.length > 0; work = this.#openWork()) {
        const before = this.#folded;
        for (const one of work) await this.#decideOne(one, "id" in one ? `act/${one.id}` : "fleet");
        if (this.#folded === before) throw new Error("there is work to do that nothing comes of");
      }
      if (!beaconDue(this.view, this.context())) return;
      const { crypto } = this.options;
      const digest = toBase64Url(contentDigest(wholeContent(this.view.ledger), crypto));
      await this.#decideOne({ type: "issue-beacon", digest }, "fleet");
    });
  }

  #openWork(): ReturnType<typeof openWork> {
    return openWork(this.view, this.context());
  }
}
