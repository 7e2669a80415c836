/**
 * The only loop: inputs are taken one at a time and their effects carried out in order, so that a save is on
 * disk before the message that follows from it.
 */
import type { Timer } from "../protocol/clock.js";
import { step } from "./machine.js";
import type { DeviceEvent, DeviceOptions } from "./main.js";
import { timeOf } from "./powered.js";
import type { DeviceState } from "./state.js";
import type { Effect, Input } from "./steps.js";

/** An input without what the loop adds: time and entropy. */
export type Happening = Input extends infer I ? (I extends Input ? Omit<I, keyof Moment> : never) : never;
type Moment = Pick<Input, "atMs" | "entropy">;

/** Where effects go that neither store nor keys nor clock carry out. */
export interface Outside {
  send(bytes: Uint8Array): void;
  /** Leave, and come back. */
  leave(): void;
  /** A lease was accepted over the connection that there is. */
  synced(): void;
  emit(event: DeviceEvent): void;
  speak(allowed: boolean): void;
  /** A port failed: the device must stop, and not speak of what it cannot keep. */
  failed(error: Error): void;
}

export class Loop {
  readonly #options: DeviceOptions;
  readonly #outside: Outside;
  #state: DeviceState;
  #attempts: number;
  #wake: Timer | undefined;
  #queue: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param attempts - as they were stored. */
  constructor(options: DeviceOptions, state: DeviceState, outside: Outside, attempts: number) {
    this.#options = options;
    this.#state = state;
    this.#attempts = attempts;
    this.#outside = outside;
  }

  get state(): DeviceState {
    return this.#state;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  happen(happening: Happening): void {
    this.inTurn(async () => void (await this.take(happening)));
  }

  /** Connections in a row that ended without a sync: stored with the time, for the next boot. */
  keepAttempts(attempts: number): void {
    this.#attempts = attempts;
    this.inTurn(() => this.#options.store.saveSession({ ...timeOf(this.#state.record), attempts }));
  }

  /** Runs when all before it is done. */
  inTurn(run: () => Promise<void>): void {
    this.#queue = this.#queue.then(run).catch((error: unknown) => {
      if (!this.#stopped) this.#outside.failed(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** To be called in turn: one happening, and all that follows from it. @returns what was handed out, if anything. */
  async take(happening: Happening): Promise<Uint8Array | undefined> {
    const { clock, entropy } = this.#options;
    const pending = [happening];
    let handedOut: Uint8Array | undefined;
    for (let next = pending.shift(); next && !this.#stopped; next = pending.shift()) {
      const input = { ...next, atMs: clock.nowMs(), entropy: entropy(32) } as Input;
      const { lease } = this.#state.held;
      const { state, effects } = step(this.#state, input);
      this.#state = state;
      if (state.session?.synced) this.#outside.synced();
      for (const effect of effects) {
        const answer = await this.#carryOut(effect);
        if (answer instanceof Uint8Array) handedOut = answer;
        else if (answer) pending.push(answer);
      }
      const leased = state.held.lease;
      if (leased && leased !== lease)
        this.#outside.emit({ type: "leased", goodUntil: leased.value.goodUntil });
    }
    return handedOut;
  }

  /** Nothing more is taken. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.cancel();
  }

  /** Resolves when what was under way has ended. */
  async ended(): Promise<void> {
    await this.#queue;
  }

  /** @returns what the machine waits for, when the effect has an answer; or what was handed out. */
  async #carryOut(effect: Effect): Promise<Happening | Uint8Array | undefined> {
    const { store, keys, clock, algorithm = "ES256" } = this.#options;
    switch (effect.type) {
      case "save":
        await store.save(effect.record);
        return undefined;
      case "save-session":
        await store.saveSession({ ...effect.session, attempts: this.#attempts });
        return undefined;
      case "create-key": {
        const publicKey = (await keys.publicKey(effect.name)) ?? (await keys.create(effect.name, algorithm));
        return { type: "key-created", publicKey };
      }
      case "remove-key":
        await keys.remove(effect.name);
        return undefined;
      case "sign":
        return { type: "signed", signature: await keys.sign(effect.key, effect.bytes) };
      case "hand-out":
        return effect.unsigned.finish(await keys.sign(effect.unsigned.key, effect.unsigned.toBeSigned));
      case "send":
        this.#outside.send(effect.bytes);
        return undefined;
      case "reconnect":
        this.#outside.leave();
        return undefined;
      case "act":
      case "transferred":
      case "level":
      case "freshness":
      case "refused-request":
        this.#outside.emit(effect);
        return undefined;
      case "speak":
        this.#outside.speak(effect.allowed);
        return undefined;
      case "wake":
        this.#wake?.cancel();
        if (this.#stopped) return undefined; // a timer would keep the process alive
        this.#wake = clock.after(effect.atMs - clock.nowMs(), () => this.happen({ type: "tick" }));
        return undefined;
    }
  }
}
