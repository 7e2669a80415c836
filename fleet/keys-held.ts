/** The keys that a service signs with: those that the newest Authority names, whoever installed it. */
import type { Trust } from "../protocol/authority.js";
import { FleetError } from "./errors.js";
import { keysInUse, type ServiceKeys, type StagedKeys } from "./fleet-keys.js";

type Use = ReturnType<typeof keysInUse>;

export class KeysHeld {
  readonly #staged: StagedKeys | undefined;
  #keys: ServiceKeys;
  /** Of an Authority that is on its way into the log from here. */
  #next: ServiceKeys | undefined;
  /** Installed by another service, and not taken yet: its chain. */
  #behind: readonly Trust[] | undefined;
  #taking: Promise<void> = Promise.resolve();

  /** @param staged - keys that wait for an Authority that names them. */
  constructor(keys: ServiceKeys, staged?: StagedKeys) {
    this.#keys = keys;
    this.#staged = staged;
  }

  /** What there is, also while a newer Authority names others. */
  get latest(): ServiceKeys {
    return this.#keys;
  }

  /** @throws FleetError "conflict" while they are not those of the newest Authority. */
  get now(): ServiceKeys {
    if (!this.#behind) return this.#keys;
    throw new FleetError("conflict", "the keys of the newest Authority are not in use yet; try again");
  }

  /**
   * Resolves when the keys are those of the newest Authority. Keys that were missing are looked for each time.
   * @throws FleetError when they are not here.
   */
  async ready(): Promise<void> {
    await this.#taking.catch(() => undefined);
    if (this.#behind) await this.take(this.#behind);
  }

  /** What a chain of Authorities would have this service sign with. @throws FleetError as `keysInUse`. */
  async choose(chain: readonly Trust[]): Promise<Use> {
    const authorities = chain.map(({ authority }) => authority.value);
    return keysInUse(authorities, this.#keys, (await this.#staged?.read()) ?? {});
  }

  /** From now on those of this chain. @throws FleetError as `keysInUse`. */
  async take(chain: readonly Trust[]): Promise<void> {
    const use = await this.choose(chain);
    this.#keys = use.keys;
    await this.#staged?.settle(use);
    if (this.#behind === chain) this.#behind = undefined;
  }

  /**
   * While `install` appends the Authority that names them, the very event puts them in use; only when it is in the
   * log are key files moved.
   * @param install - says whether it came into the log.
   */
  async takeWith(use: Use, install: () => Promise<boolean>): Promise<boolean> {
    this.#next = use.keys;
    try {
      if (!(await install())) return false;
    } finally {
      this.#next = undefined;
    }
    await this.#staged?.settle(use);
    return true;
  }

  /** A new Authority is in the log. @param chain - that ends with it. */
  installed(chain: readonly Trust[]): void {
    if (this.#next) {
      this.#keys = this.#next;
      return;
    }
    this.#behind = chain; // another service installed it
    this.#taking = this.take(chain);
    this.#taking.catch(() => undefined); // whoever decides tries again, and is told
  }
}
