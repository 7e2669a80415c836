/**
 * Holders of one device's state, a network that keeps all it ever carried, and the fleet's decisions: what sync
 * tokens come to, with no signature in the way. A seal is the key of the device under which it was made, and the era.
 */
import type { Base64Url, DecidedFact } from "../../fleet/events.js";
import { decide } from "../../fleet/registry.js";
import type { SyncFacts } from "../../fleet/registry-sync.js";
import { fleetOf, type Registry, sync } from "./registry-rig.js";

/** No fleet of these tests is put back more often. */
const MAX_LIFTS = 100;

/** `key`: that its seal is for; absent: the seal is bad. */
interface Token {
  readonly n: number;
  readonly after: number;
  readonly key?: Base64Url;
  readonly era?: number;
}
interface Probe {
  readonly n: number;
  readonly key: Base64Url;
}
interface Signed {
  readonly nonce: string;
  readonly token?: Token | undefined;
  readonly probe?: Probe | undefined;
}
interface Reply {
  readonly nonce: string;
  readonly token?: Token;
  readonly probe?: Probe;
}

/** Device 1, or somebody who has a copy of what it stored. */
export class Holder {
  held: Token | undefined;
  /** In memory: of the newest reply, and the nonces of all that it asked, however long ago. */
  probe: Probe | undefined;
  readonly asked = new Set<string>();

  constructor(held?: Token) {
    this.held = held;
  }

  hear({ nonce, token, probe }: Reply): void {
    if (!this.asked.has(nonce)) return;
    this.probe = probe;
    if (token && token.after === (this.held?.n ?? 0)) this.held = token;
  }
}

export class Waters {
  registry: Registry = fleetOf(1);
  /** All that was ever signed, answered, and given out as a probe. */
  signed: Signed[] = [];
  replies: Reply[] = [];
  readonly probes: Probe[] = [];
  #happened: DecidedFact[] = [];
  /** No backup is older: it would not know the device's keys. */
  #floor = 0;
  /** In which each lease was given, by its nonce: also of leases that the log has lost. */
  readonly #eras = new Map<string, number>();
  #drawn = 0;

  get isSuspected(): boolean {
    return this.registry.device().suspectedAt !== undefined;
  }

  sign({ held, asked }: Holder, probe?: Probe): Signed {
    const signed = { nonce: `nonce ${++this.#drawn}`, token: held, probe };
    asked.add(signed.nonce);
    this.signed.push(signed);
    return signed;
  }

  /** What the fleet records of a sync, once the edge has looked at its seals. */
  facts({ nonce, token, probe }: Signed, change: Partial<SyncFacts> = {}): readonly DecidedFact[] {
    const { key } = this.registry.device();
    const { era = 0 } = token ?? {};
    const isSealed = token?.key === key.bytes;
    const opened = {
      ...(token && { token: { n: token.n, after: token.after, ...(isSealed && { era }) } }),
      ...(probe?.key === key.bytes && { probed: probe.n }),
    };
    const asked = sync({ nonce, ...opened, ...change });
    // Once it is told that its log has lost something, the fleet begins new terms: again and again, if need be.
    for (let lifts = 0; this.#raisesFence(asked) && lifts < MAX_LIFTS; lifts++)
      this.#happen({ type: "fence-lifted", how: "new-terms", reason: "story" });
    const facts = this.registry.facts(asked);
    this.#happened.push(...facts);
    if (facts.some(({ type }) => type === "lease-issued")) this.#eras.set(nonce, this.registry.view.era);
    return facts;
  }

  deliver(signed: Signed): Reply {
    this.facts(signed);
    const reply = this.#reply(signed);
    if (reply.probe) this.probes.push(reply.probe);
    this.replies.push(reply);
    return reply;
  }

  /** One sync, there and back. */
  sync(holder: Holder): Reply {
    const reply = this.deliver(this.sign(holder, holder.probe));
    holder.hear(reply);
    return reply;
  }

  /** A sync, and another one at once where it was asked to say again what it holds. */
  contact(holder: Holder): Reply {
    const reply = this.sync(holder);
    return reply.probe ? this.sync(holder) : reply;
  }

  vouch(): void {
    this.#happen({ type: "device-vouched", number: 1, act: "story" });
  }

  /** New keys, by a ticket; what the old ones signed is refused from now on. @param held - what it still has. */
  reenroll(holder: Holder, held?: Token): void {
    const key = { algorithm: "ES256", bytes: `key ${++this.#drawn}` } as const;
    this.#happen({ type: "device-reenrolled", number: 1, key, act: "story" });
    this.#floor = this.#happened.length;
    [this.signed, this.replies] = [[], []];
    [holder.held, holder.probe] = [held, undefined];
  }

  /** The fleet as it was after a part of what happened. @param share - 0 to 1. */
  restore(share: number): void {
    const since = this.#happened.length - this.#floor;
    this.#happened = this.#happened.slice(0, this.#floor + Math.round(since * share));
    this.registry = fleetOf(1);
    for (const fact of this.#happened) this.registry.happen(fact);
  }

  #reply({ nonce }: Signed): Reply {
    const { lease, tokens, key } = this.registry.device();
    if (this.isSuspected) return { nonce };
    if (lease?.nonce === nonce)
      return { nonce, token: { ...lease.token, key: key.bytes, era: this.#eras.get(nonce) ?? 0 } };
    return { nonce, probe: { n: tokens.shown, key: key.bytes } };
  }

  #raisesFence(asked: SyncFacts): boolean {
    const { view, context } = this.registry;
    const decision = decide(view, asked, context);
    const noted = decision.accepted ? [] : (decision.noted ?? []);
    for (const fact of noted) this.#happen(fact);
    return noted.some(({ type }) => type === "fence-raised");
  }

  #happen(fact: DecidedFact): void {
    this.registry.happen(fact);
    this.#happened.push(fact);
  }
}
