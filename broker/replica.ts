/**
 * What a gateway that is a process of its own knows of the fleet: a copy, kept current by what the service tells,
 * in order. A new connection begins with a snapshot; whatever in it differs from what was known is a change like
 * any other, so live sessions are corrected for what happened meanwhile. Pure.
 */
import type { FleetChange, Standing } from "../fleet/link.js";
import { standingOf, type StandingRecord, UNKNOWN } from "../fleet/link-standings.js";
import type { News } from "../fleet/link-wire.js";
import { fleetIdOf, openFirstAuthority, walkAuthorities } from "../protocol/authority-chain.js";
import { Authority, type Trust } from "../protocol/authority.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";

/** All that is not an answer to a question. */
export type Tidings = Exclude<News, { readonly type: "answer" | "failure" }>;

export class Replica {
  readonly #crypto: Crypto;
  #trust: Trust | undefined;
  #beacon: Uint8Array | undefined;
  #ticketSeed: Uint8Array | undefined;
  /** Words, by number. */
  #standings = new Map<number, number>();
  /** While a snapshot comes: what was known before it, and is not told again yet. It counts until then. */
  #earlier = new Map<number, number>();
  #isCatchingUp = false;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get trust(): Trust {
    return there(this.#trust);
  }

  get beacon(): Uint8Array {
    return there(this.#beacon);
  }

  get ticketSeed(): Uint8Array {
    return there(this.#ticketSeed);
  }

  standing(number: number): Standing | undefined {
    return standingOf(this.#word(number));
  }

  /**
   * Takes what the service says next.
   * @returns what is now another than before; already so when it returns.
   * @throws ProtocolError for an Authority that does not prove itself, and for the service of another fleet.
   */
  take(news: Tidings): readonly FleetChange[] {
    switch (news.type) {
      case "welcome":
        this.#ticketSeed = news.ticketSeed;
        this.#beginSnapshot();
        return [];
      case "authority":
        return this.#takeAuthority(news.document);
      case "beacon":
        if (this.#beacon && equalBytes(this.#beacon, news.document)) return [];
        this.#beacon = news.document;
        return [news];
      case "standings":
        return news.records.filter((record) => this.#takeStanding(record)).map(standingChange);
      case "ready":
        return this.#endSnapshot();
      case "push":
      case "broadcast":
        return [news];
      case "position":
        return []; // of the link, not of the fleet
    }
  }

  #takeAuthority(document: Uint8Array): readonly FleetChange[] {
    const before = this.#trust;
    if (!before) {
      this.#trust = openFirstAuthority(document, this.#crypto);
      return [{ type: "authority" }];
    }
    this.#assertSameFleet(document, before);
    const { trust, refusal } = walkAuthorities([document], before, this.#crypto);
    if (refusal) throw refusal;
    if (trust === before) return [];
    this.#trust = trust;
    // In step with the service the link itself comes as a broadcast; what was missed is handed on here.
    return [{ type: "authority" }, ...(this.#isCatchingUp ? [{ type: "broadcast", document } as const] : [])];
  }

  /** A chain begins with the Authority that gives the fleet its id; those in between are passed over unread. */
  #assertSameFleet(document: Uint8Array, { fleetId }: Trust): void {
    const { payload } = parseEnvelope(document);
    if (Authority.decode(payload).version !== 1 || equalBytes(fleetIdOf(payload, this.#crypto), fleetId))
      return;
    throw new ProtocolError("wrong-key", "another fleet's service has taken the place of ours: start anew");
  }

  #beginSnapshot(): void {
    this.#isCatchingUp = true;
    for (const [number, word] of this.#standings) this.#earlier.set(number, word); // one before it was cut short
    this.#standings = new Map();
  }

  #endSnapshot(): readonly FleetChange[] {
    if (!this.#trust || !this.#beacon || !this.#isCatchingUp)
      throw new ProtocolError("malformed", "the service said that all was told, and it was not");
    this.#isCatchingUp = false;
    const gone = [...this.#earlier.keys()];
    this.#earlier = new Map();
    return gone.map((number) => standingChange({ number }));
  }

  /** True when it is another than before. */
  #takeStanding({ number, word }: StandingRecord): boolean {
    const before = this.#word(number);
    this.#earlier.delete(number);
    if (word === UNKNOWN) this.#standings.delete(number);
    else this.#standings.set(number, word);
    return word !== before;
  }

  #word(number: number): number {
    return this.#standings.get(number) ?? this.#earlier.get(number) ?? UNKNOWN;
  }
}

function standingChange({ number }: { readonly number: number }): FleetChange {
  return { type: "standing", number };
}

/** What a whole snapshot has given. */
function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a replica is asked only once it has a whole snapshot");
  return value;
}
