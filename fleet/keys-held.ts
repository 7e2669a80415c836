/** The keys that a service signs with: those that the newest Authority names, whoever installed it. */
import type { Trust } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { FleetError } from "./errors.js";
import { keysInUse, type ServiceKeys, type StagedKeys } from "./fleet-keys.js";

type Use = ReturnType<typeof keysInUse>;

interface Next {
  readonly link: Trust;
  readonly use: Use;
  /** It is in the log, whoever put it there, and its keys are in use. */
  isInstalled: boolean;
}

export class KeysHeld {
  readonly #staged: StagedKeys | undefined;
  #keys: ServiceKeys;
  /** An Authority that is on its way into the log from here. */
  #next: Next | undefined;
  /** Installed by another service, and not taken yet: its chain. */
  #behind: readonly Trust[] | undefined;
  /** Why they could not be taken when it was last tried. */
  #why: FleetError | undefined;
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

  /** @throws FleetError while they are not those of the newest Authority: "conflict", and others of `keysInUse`. */
  get now(): ServiceKeys {
    if (!this.#behind) return this.#keys;
    throw (
      this.#why ??
      new FleetError("conflict", "the keys of the newest Authority are not in use yet; try again")
    );
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
    const use = await this.choose(chain).catch((why: unknown) => {
      if (why instanceof FleetError) this.#why = why;
      throw why;
    });
    this.#keys = use.keys;
    await this.#staged?.settle(use);
    if (this.#behind === chain) this.#behind = undefined;
  }

  /**
   * While `append` appends the Authority that names them, the very event puts them in use; only when it is in the
   * log are key files moved.
   * @returns whether it came into the log.
   */
  async takeWith(link: Trust, use: Use, append: () => Promise<unknown>): Promise<boolean> {
    const next: Next = { link, use, isInstalled: false };
    this.#next = next;
    try {
      await append();
    } finally {
      this.#next = undefined;
    }
    if (next.isInstalled) await this.#staged?.settle(use);
    return next.isInstalled;
  }

  /** A new Authority is in the log. @param chain - that ends with it. */
  installed(chain: readonly Trust[]): void {
    const [next, newest] = [this.#next, chain.at(-1)];
    if (next && newest && equalBytes(next.link.authority.bytes, newest.authority.bytes)) {
      next.isInstalled = true;
      this.#keys = next.use.keys;
      return;
    }
    this.#why = undefined;
    this.#behind = chain; // another service installed it
    this.#taking = this.take(chain);
    this.#taking.catch(() => undefined); // whoever decides tries again, and is told
  }
}
