/**
 * Whether a service of several can do its share now. Its log is asked, again and again, whether the service has heard
 * all that is in it: one that has not would tell gateways an old state as if it were the newest.
 */
import type { Clock, Timer } from "../protocol/clock.js";
import { FleetError } from "./errors.js";
import type { FleetService } from "./service.js";

/** Between one look and the next; while the log has not answered, no other is begun. */
export const LOOK_MS = 1_000;
/** Looks, not milliseconds: a clock that steps, or a process that could not run, makes nobody late. */
export const MAX_BEHIND = 12;
/** Who was behind comes back with an answer that took no more: a log that is slow all the time must not flap. */
export const SOON = 3;

const BEHIND =
  "what is new in the log does not come here in time: NATS, or the disk of this worker's copy, does not answer";

/** What it needs of the service. */
export type Judged = Pick<FleetService, "stopped" | "keys" | "caughtUp" | "onEvent">;

export class Ability {
  readonly #service: Judged;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #unwatch: () => void;
  #timer: Timer;
  /** Looks that were due until now. */
  #due = 0;
  /** Of the newest look that was answered: all that was in the log then is in the view. */
  #heardAt = 0;
  #isLooking = false;
  #isBehind = false;
  #lacking: string | undefined;
  #wasAble: boolean;

  /** @param service - that has just read its log. */
  constructor(service: Judged, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
    this.#lacking = lackingKeys(service);
    this.#wasAble = this.why === undefined;
    this.#unwatch = service.onEvent(({ type }) => {
      if (type === "authority-issued") void this.#look(); // perhaps with keys that are not here
      this.#judge();
    });
    this.#timer = this.#lookLater();
  }

  /** Why it cannot; undefined: it can. */
  get why(): string | undefined {
    return this.#service.stopped?.message ?? this.#lacking ?? this.behind;
  }

  /** Why what it knows may be old. */
  get behind(): string | undefined {
    return this.#isBehind ? BEHIND : undefined;
  }

  /** Called when it can no longer, and when it can again. @returns a call that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#timer.cancel();
    this.#unwatch();
    this.#listeners.clear();
  }

  #lookLater(): Timer {
    return this.#clock.after(LOOK_MS, () => {
      this.#timer = this.#lookLater();
      this.#due += 1;
      if (this.#due - this.#heardAt > MAX_BEHIND) this.#isBehind = true;
      void this.#look();
      this.#judge();
    });
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const begun = this.#due;
    const isAnswered = await this.#isCaughtUp();
    this.#isLooking = false;
    this.#lacking = lackingKeys(this.#service);
    // Keys are looked for only when the log has answered.
    if (isAnswered || this.#lacking !== undefined) {
      this.#heardAt = begun;
      if (this.#due - begun <= SOON) this.#isBehind = false;
    }
    this.#judge();
  }

  async #isCaughtUp(): Promise<boolean> {
    try {
      await this.#service.caughtUp();
      return true;
    } catch (error) {
      if (error instanceof FleetError) return false;
      throw error;
    }
  }

  #judge(): void {
    const isAble = this.why === undefined;
    if (isAble === this.#wasAble) return;
    this.#wasAble = isAble;
    for (const listener of this.#listeners) listener();
  }
}

/** Another worker put an Authority in force, and the keys that it names are not here. */
export function lackingKeys(service: Pick<FleetService, "stopped" | "keys">): string | undefined {
  if (service.stopped) return undefined;
  try {
    void service.keys;
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return error.message;
    throw error;
  }
}
