/**
 * Decisions on one log: decide → seal → append, and in the view once that resolves. The log may have other writers:
 * whoever comes second decides again, on what the first has decided.
 */
import type { Trust } from "../protocol/authority.js";
import { type DecidedFact, type FleetEvent, toBase64Url } from "./events.js";
import { FleetError } from "./errors.js";
import { mayBeRecordedBehindFence } from "./fence.js";
import { withoutDeadCertificates } from "./issuers.js";
import type { KeysHeld } from "./keys-held.js";
import type { KnownFleet } from "./known-fleet.js";
import type { Refusal } from "./refusal.js";
import { type Context, decide, type Decision, type RegistryRequest } from "./registry.js";
import { sealFact, type SealingContext } from "./sealing.js";
import { FLEET_SUBJECT, subjectOf } from "./subjects.js";
import { assertKeepsReleases, nextAuthority } from "./succession.js";
import type { Turns } from "./turns.js";
import type { FleetView } from "./view.js";

export type Outcome = { readonly refusal?: Refusal };

/** The service that decides, as it is at this moment. */
export interface Decider {
  readonly options: Pick<SealingContext, "crypto" | "entropy" | "tokenSecret">;
  readonly known: KnownFleet;
  readonly keys: KeysHeld;
  readonly turns: Turns;
  view(): FleetView;
  trust(): Trust;
  /** Fleet time, Unix seconds. */
  now(): number;
  context(): Context;
  /** Why no decision is made. */
  stopped(): FleetError | undefined;
  caughtUp(): Promise<void>;
}

/** What one turn made of a request; "again": another was first, or the rest has to be decided now. */
type Step = Outcome | "again" | "alone";

/** `isCaughtUp`: the view has had all that was in the log when it was asked. */
interface Asked {
  readonly request: RegistryRequest;
  readonly actor: string;
  isCaughtUp: boolean;
}

/** How often a request is decided again because others were first. */
const MAX_TRIES = 64;

export class Decisions {
  readonly #decider: Decider;
  /** Records of this service that are on their way into the log. */
  #appending = 0;

  constructor(decider: Decider) {
    this.#decider = decider;
  }

  get isAppending(): boolean {
    return this.#appending > 0;
  }

  /** In the log, and in the view, once it resolves. */
  request(request: RegistryRequest, actor: string): Promise<Outcome> {
    const asked = { request, actor, isCaughtUp: false };
    return this.#again(() => this.#decide(asked));
  }

  /** One decision, within a turn. */
  once(request: RegistryRequest, actor: string): Promise<Step> {
    return this.#decideOnce({ request, actor, isCaughtUp: false }, false);
  }

  /** As `FleetService.record`. */
  record<T extends DecidedFact>(actor: string, factFrom: (view: FleetView) => T): Promise<FleetEvent> {
    const decider = this.#decider;
    return this.#again(() =>
      decider.turns.take(async () => {
        await decider.keys.ready();
        const events = await this.#append(actor, [factFrom(decider.view())]);
        return events?.[0] ?? "again";
      }),
    );
  }

  /** As `FleetService.installAuthority`. */
  async install(link: Uint8Array, actor: string): Promise<void> {
    await this.#again(() => this.#decider.turns.take(() => this.#install(link, actor)));
  }

  async #install(link: Uint8Array, actor: string): Promise<"done" | "again"> {
    const { options, known, keys } = this.#decider;
    await keys.ready();
    const { chain } = known.folded;
    const newest = this.#decider.trust().authority.value;
    const next = nextAuthority(link, chain, options.crypto);
    if (!next) return "done";
    const use = await keys.choose([...chain, next]);
    if (known.folded.chain !== chain) return "again"; // from here to the append nothing can come in between
    assertKeepsReleases(newest, next.authority.value, use.keys);
    const { version, terms } = next.authority.value;
    const before = newest.terms;
    const [newDirectives, newTime] = [terms.directive !== before.directive, terms.time !== before.time];
    const begun = { type: "authority-issued", version, newDirectives, newTime } as const;
    const fact = { ...begun, signed: toBase64Url(link) };
    const isInstalled = await keys.takeWith(next, use, () => this.#append(actor, [fact]));
    return isInstalled ? "done" : "again";
  }

  /** @throws FleetError "overloaded" when others are first each time. */
  async #again<T>(step: () => Promise<T | "again">): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const result = await step();
      if (result !== "again") return result;
    }
    throw new FleetError("overloaded", "others changed the same each time; try again later");
  }

  async #decide(asked: Asked): Promise<Outcome | "again"> {
    const { turns } = this.#decider;
    const { type } = asked.request;
    if (type === "sync" || type === "receipt") {
      const contact = await turns.share(() => this.#decideOnce(asked, true));
      if (contact !== "alone") return contact;
    }
    const step = await turns.take(() => this.#decideOnce(asked, false));
    return step === "alone" ? "again" : step;
  }

  /** @param isShared - beside contacts of other devices; "alone" when it is more than a contact. */
  async #decideOnce(asked: Asked, isShared: boolean): Promise<Step> {
    const { keys, known } = this.#decider;
    await keys.ready();
    const { decidedAt, position } = known;
    const { request, actor } = asked;
    const decision = this.#decisionOn(request);
    if (!decision.accepted && !asked.isCaughtUp) {
      await this.#decider.caughtUp(); // nobody is refused for what another service had decided when this was asked
      asked.isCaughtUp = true;
      if (known.position !== position) return "again";
    }
    const facts = decision.accepted ? decision.facts : (decision.noted ?? []);
    if (facts.length > 0) {
      if (isShared && subjectOf(facts) === FLEET_SUBJECT) return "alone";
      if (!(await this.#append(actor, facts))) return "again";
    }
    if (!decision.accepted) return { refusal: decision.refusal };
    // What was decided meanwhile, elsewhere, the answer has to know.
    const isContact = facts.length > 0 && subjectOf(facts) !== FLEET_SUBJECT;
    const isOld = isContact && known.decidedAt !== decidedAt;
    return decision.again || isOld ? "again" : {};
  }

  #decisionOn(request: RegistryRequest): Decision {
    const decider = this.#decider;
    const known = decider.view();
    const isCertify = request.type === "certify";
    const view = isCertify ? withoutDeadCertificates(known, request.number, decider.trust()) : known;
    return decide(view, request, decider.context());
  }

  /** @returns undefined when another service was first. */
  async #append(actor: string, facts: readonly DecidedFact[]): Promise<readonly FleetEvent[] | undefined> {
    const decider = this.#decider;
    const stopped = decider.stopped();
    if (stopped && !(stopped.code === "fenced" && mayBeRecordedBehindFence(facts))) throw stopped;
    const about = {
      keys: decider.keys.now,
      trust: decider.trust(),
      view: decider.view(),
      now: decider.now(),
    };
    const sealing = { ...decider.options, ...about };
    const events = facts.map((fact) => sealFact(fact, actor, sealing));
    this.#appending += 1;
    try {
      await decider.known.append(subjectOf(facts), events);
      return events;
    } catch (error) {
      if (error instanceof FleetError && error.code === "conflict") return undefined;
      throw error;
    } finally {
      this.#appending -= 1;
    }
  }
}
