/**
 * The fleet service: one loop of decide → seal → append → apply → tell. Only what is durable in the log
 * is applied or leaves (P4). Everything it knows is a fold over the log, which other services may write to as well.
 */
import type { Trust } from "../protocol/authority.js";
import { toHex } from "../protocol/bytes.js";
import type { Clock } from "../protocol/clock.js";
import type { Crypto, Entropy } from "../protocol/crypto.js";
import { approvalDigest } from "./act-digest.js";
import { ALL_ROLES } from "./ceremony.js";
import { type Decider, Decisions, type Outcome } from "./decisions.js";
import { type Act, type DecidedFact, type FleetEvent, toBase64Url } from "./events.js";
import { FleetError } from "./errors.js";
import { isOnlySigner, type ServiceKeys, signsAlone, type StagedKeys } from "./fleet-keys.js";
import { fencedBy } from "./fence.js";
import { KnownFleet, type Listener } from "./known-fleet.js";
import { KeysHeld } from "./keys-held.js";
import { type Doer, LeftOpen } from "./left-open.js";
import type { FleetPolicy } from "./policy.js";
import type { EventLog, Position } from "./ports.js";
import type { Context, RegistryRequest } from "./registry.js";
import { type Renew, RenewedSignatures } from "./renewed-signatures.js";
import type { SealingContext } from "./sealing.js";
import { FLEET_SUBJECT } from "./subjects.js";
import { assertFounds, firstAuthority } from "./succession.js";
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
  /** Looks at what the log holds before anything is decided on it. @throws FleetError when that is not for us. */
  readonly accept?: (view: FleetView) => void;
}

export class FleetService {
  readonly options: FleetOptions;
  readonly #known: KnownFleet;
  readonly #keys: KeysHeld;
  readonly #turns = new Turns();
  readonly #decisions: Decisions;
  readonly #leftOpen: LeftOpen;
  readonly #signatures = new RenewedSignatures();
  /** Of what goes out, from the log: as the keys of today sign it. */
  readonly renew: Renew = (document) => this.#signatures.renewed(document, this.sealing());

  private constructor(options: FleetOptions, known: KnownFleet) {
    this.options = options;
    this.#known = known;
    this.#keys = new KeysHeld(options.keys, options.staged);
    this.#decisions = new Decisions(this.#asDecider());
    this.#leftOpen = new LeftOpen(this.#asDoer());
    known.onEvent(({ type }) => this.#heard(type)); // before all others: they may ask for what is signed
  }

  /**
   * Reads the log, or founds the fleet in an empty one, and finishes what a crash left open.
   * @throws FleetError "denied" and "conflict" for keys or a founding that are not those of the log.
   */
  static async open(options: FleetOptions): Promise<FleetService> {
    const { log, crypto } = options;
    const known = await KnownFleet.of(log, crypto);
    options.accept?.(known.folded.view);
    const service = new FleetService(options, known);
    const [first] = known.folded.chain;
    if (first && options.founding) assertFounds(options.founding, first, crypto);
    await (first ? service.#keys.take(known.folded.chain) : service.#found());
    try {
      await service.#leftOpen.finish();
    } catch (error) {
      service.#leftOpen.close(); // nobody gets this service, and nothing is tried again on its log
      throw error;
    }
    return service;
  }

  /** Not to be changed, and not to be kept: the next event may change what is inside. */
  get view(): FleetView {
    return this.#known.folded.view;
  }

  /** The newest Authority. Not to be kept. */
  get trust(): Trust {
    const newest = this.#known.folded.chain.at(-1);
    if (!newest) throw new Error("a fleet that is open was founded");
    return newest;
  }

  /** What it signs with now. @throws FleetError "fenced" while nobody signs. */
  get keys(): ServiceKeys {
    if (this.stopped) throw this.stopped;
    return this.#keys.now;
  }

  /** Why nobody signs, and no decision is made: "fenced", or "storage-failed". */
  get stopped(): FleetError | undefined {
    return this.#known.stopped ?? fencedBy(this.view);
  }

  /** Of the newest record that is in the view. */
  get position(): Position {
    return this.#known.position;
  }

  /** Resolves, if ever, with why the log cannot go on: nothing more is decided here. */
  get failure(): Promise<FleetError> {
    return this.#known.failure;
  }

  /** Fleet time in Unix seconds: the clock's, and never before the newest event, nor before its term began. */
  now(): number {
    return Math.max(Math.floor(this.options.clock.nowMs() / 1000), this.#known.folded.timeFloor);
  }

  sealing(): SealingContext {
    return { ...this.options, keys: this.keys, trust: this.trust, view: this.view, now: this.now() };
  }

  /** What decisions are made on, beside the view. */
  context(): Context {
    const { crypto, policy } = this.options;
    const { value } = this.trust.authority;
    const releaseOnline = signsAlone("release", this.#keys.latest, value);
    const transferOnline = signsAlone("transfer", this.#keys.latest, value);
    const onlyHere = ALL_ROLES.filter((role) => isOnlySigner(role, this.#keys.latest, value));
    const { version: authority, terms } = value;
    return { now: this.now(), policy, authority, terms, releaseOnline, transferOnline, onlyHere, crypto };
  }

  /** Resolves when all that was in the log when it was asked is in the view. @throws as `EventLog.caughtUp`. */
  async caughtUp(): Promise<void> {
    await this.options.log.caughtUp();
    await this.#keys.ready();
  }

  /** Decides a request that was authenticated. Durable, and applied to the view, once it resolves. */
  async request(request: RegistryRequest, actor: string): Promise<Outcome> {
    const outcome = await this.#decisions.request(request, actor);
    await this.#leftOpen.finish();
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
    await this.#decisions.install(link, actor);
    await this.#leftOpen.finish();
  }

  /**
   * Appends a fact that needs no decision, such as a certificate for a gateway.
   * @param factFrom - called again when another service was first; undefined: there is nothing to record any more.
   */
  async record<T extends DecidedFact>(actor: string, factFrom: (view: FleetView) => T): Promise<FleetEvent> {
    const event = await this.#decisions.record(actor, factFrom);
    await this.#leftOpen.finish(); // of what others decided while this was on its way
    return event;
  }

  /** Called for each event, in order, once all of its decision were applied. @returns a call that ends it. */
  onEvent(listener: Listener): () => void {
    return this.#known.onEvent(listener);
  }

  /**
   * What was asked for is finished as long as the log answers. What then still waits is refused, "unreachable", and
   * what runs ends with what the log that is closing says to it.
   */
  async close(): Promise<void> {
    const { clock, log } = this.options;
    this.#leftOpen.close();
    const isDone = await this.#turns.drained(clock, () => this.position);
    this.#turns.refuse(stopping());
    const closed = isDone ? undefined : log.close();
    await this.#turns.idle();
    this.#known.close();
    await (closed ?? log.close());
  }

  async #found(): Promise<void> {
    const at = this.now();
    const first = firstAuthority(this.options, at);
    await this.#keys.take([first]); // before anything is in the log: it would be the log of other keys
    const { bytes, value } = first.authority;
    const fact = { type: "fleet-created", name: value.name, signed: toBase64Url(bytes) } as const;
    await this.#known.append(FLEET_SUBJECT, [{ ...fact, at, actor: "fleet" }]).catch((cause: unknown) => {
      throw cause instanceof FleetError && cause.code === "conflict" ? foundedElsewhere(cause) : cause;
    });
  }

  #heard(type: FleetEvent["type"]): void {
    this.#leftOpen.heard(type, this.#decisions.isAppending);
    if (type === "authority-issued") this.#keys.installed(this.#known.folded.chain);
  }

  #asDoer(): Doer {
    const { clock, crypto } = this.options;
    return {
      clock,
      crypto,
      turns: this.#turns,
      view: () => this.view,
      position: () => this.position,
      isStopped: () => this.stopped !== undefined,
      context: () => this.context(),
      decide: (request, actor) => this.#decisions.once(request, actor),
    };
  }

  #asDecider(): Decider {
    return {
      options: this.options,
      known: this.#known,
      keys: this.#keys,
      turns: this.#turns,
      view: () => this.view,
      trust: () => this.trust,
      now: () => this.now(),
      context: () => this.context(),
      stopped: () => this.stopped,
      caughtUp: () => this.caughtUp(),
    };
  }
}

/** A request may take several turns: what it had before this one may be in the log, and others may carry it out. */
function stopping(): FleetError {
  const text =
    "this server is stopping, and what was asked may or may not be done; look before you ask again";
  return new FleetError("unreachable", text);
}

function foundedElsewhere(cause: FleetError): FleetError {
  const text =
    "another worker founded the fleet in this log just now: restore a backup of that one here, then start";
  return new FleetError("conflict", text, { cause });
}
