/**
 * What one gateway is still to be told, in order: first a snapshot of everything, then changes and answers. Pure:
 * whoever owns the connection takes packets when it can send them. What a standing is, is looked up only then
 * (P2), so a change of everybody takes no memory, and no older standing can follow a newer one.
 */
import { ProtocolError } from "../protocol/errors.js";
import { FleetError } from "./errors.js";
import { fromBase64Url } from "./events.js";
import type { FleetChange, FleetLink } from "./link.js";
import { MAX_STANDINGS, standingWord } from "./link-standings.js";
import { encodeNews, type FailureCode, type News } from "./link-wire.js";
import type { Position } from "./ports.js";
import type { FleetService } from "./service.js";

/** Where a feed takes from what it tells. */
export interface LinkSource {
  readonly link: FleetLink;
  /** Every number that has a standing. May be read slowly, while the fleet goes on. */
  numbers(): Iterable<number>;
  /** The link of the chain of Authorities with this version, from 1; undefined beyond the newest. */
  authority(version: number): Uint8Array | undefined;
}

/** A source that says how far it is, for gateways that hear of changes from one service and are answered by another. */
export interface PlacedSource extends LinkSource {
  /** The newest record that all of the above follows from. What `watch` has to tell of it may be told just now. */
  position(): Position;
  /** Called when `position` has grown, also when nothing else has changed. @returns a call that ends it. */
  onPosition(listener: () => void): () => void;
}

/** Waiting for one gateway: when it takes nothing for so long that it is more, it is to be cut off. */
export const MAX_WAITING_BYTES = 16 * 2 ** 20;
/** Numbers whose standing changed: if more wait in a row, everybody's is told instead. */
export const MAX_NUMBERS = 65_536;
const NUMBER_BYTES = 8;
/** What an entry of the queue takes beside its packet, roughly. */
const ENTRY_BYTES = 100;

type Entry =
  | { readonly type: "packet"; readonly packet: Uint8Array }
  /** Links of the chain that were not told yet. */
  | { readonly type: "authorities" }
  | { readonly type: "standings"; readonly numbers: number[] }
  | { readonly type: "everybody"; readonly numbers: Iterator<number> };

export class LinkFeed {
  readonly #source: LinkSource;
  readonly #queue: Entry[] = [];
  #waitingBytes = 0;
  #authoritiesTold = 0;

  constructor(source: LinkSource) {
    const { link } = source;
    this.#source = source;
    this.#push(encodeNews({ type: "welcome", ticketSeed: link.ticketSeed() }));
    this.#queue.push({ type: "authorities" });
    this.#push(encodeNews({ type: "beacon", document: link.beacon(), parts: [] }));
    this.#queue.push({ type: "everybody", numbers: source.numbers()[Symbol.iterator]() });
    this.#push(encodeNews({ type: "ready" }));
  }

  /** More waits than may. */
  get isOverfull(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES;
  }

  change(change: FleetChange): void {
    if (change.type === "standing") this.#standing(change.number);
    else if (change.type === "authority") this.#queue.push({ type: "authorities" });
    else this.#push(encodeNews(change));
  }

  answer(id: number, documents: readonly Uint8Array[]): void {
    this.#push(encodeNews({ type: "answer", id, documents }));
  }

  fail(id: number, error: unknown): void {
    this.#push(encodeNews(failureNews(id, error)));
  }

  /** The next packet to send; undefined when everything was told. */
  next(): Uint8Array | undefined {
    for (let entry = this.#queue[0]; entry; entry = this.#queue[0]) {
      const packet = this.#packetOf(entry);
      if (packet === undefined || entry.type === "packet") this.#queue.shift();
      if (packet !== undefined) return packet;
    }
    return undefined;
  }

  /** The next packet of an entry; undefined when nothing is left of it. */
  #packetOf(entry: Entry): Uint8Array | undefined {
    switch (entry.type) {
      case "packet":
        this.#waitingBytes -= entry.packet.length + ENTRY_BYTES;
        return entry.packet;
      case "authorities": {
        const document = this.#source.authority(this.#authoritiesTold + 1);
        if (!document) return undefined;
        this.#authoritiesTold += 1;
        return encodeNews({ type: "authority", document });
      }
      case "standings": {
        const numbers = entry.numbers.splice(0, MAX_STANDINGS);
        this.#waitingBytes -= numbers.length * NUMBER_BYTES;
        if (numbers.length > 0) return this.#standingsOf(numbers);
        this.#waitingBytes -= ENTRY_BYTES;
        return undefined;
      }
      case "everybody": {
        const numbers = upTo(MAX_STANDINGS, entry.numbers);
        return numbers.length === 0 ? undefined : this.#standingsOf(numbers);
      }
    }
  }

  #standingsOf(numbers: readonly number[]): Uint8Array {
    const { link } = this.#source;
    const records = numbers.map((number) => ({ number, word: standingWord(link.standing(number)) }));
    return encodeNews({ type: "standings", records });
  }

  #standing(number: number): void {
    const last = this.#queue.at(-1);
    if (last?.type !== "standings") {
      this.#queue.push({ type: "standings", numbers: [number] });
      this.#waitingBytes += NUMBER_BYTES + ENTRY_BYTES;
      return;
    }
    last.numbers.push(number);
    this.#waitingBytes += NUMBER_BYTES;
    if (last.numbers.length <= MAX_NUMBERS) return;
    this.#waitingBytes -= last.numbers.length * NUMBER_BYTES + ENTRY_BYTES;
    const numbers = this.#source.numbers()[Symbol.iterator]();
    this.#queue.splice(-1, 1, { type: "everybody", numbers });
  }

  #push(packet: Uint8Array): void {
    this.#queue.push({ type: "packet", packet });
    this.#waitingBytes += packet.length + ENTRY_BYTES;
  }
}

/** Says why, if that was written for people. */
export function failureNews(id: number, error: unknown): News {
  const code: FailureCode = error instanceof ProtocolError ? "malformed" : "failed";
  const text = isForeseen(error) ? error.message : "the service could not do it; its own log says why";
  return { type: "failure", id, code, text };
}

/** Whether an error was written for people, with no secrets in it. */
export function isForeseen(error: unknown): error is ProtocolError | FleetError {
  return error instanceof ProtocolError || error instanceof FleetError;
}

/** What gateways are told of a service in this process. */
export function linkSource(service: FleetService, link: FleetLink): PlacedSource {
  return {
    link,
    numbers: () => service.view.devices.keys(),
    authority(version) {
      const signed = service.view.authorities.get(version)?.signed;
      return signed === undefined ? undefined : fromBase64Url(signed);
    },
    position: () => service.position,
    onPosition: (listener) => service.onEvent(() => listener()),
  };
}

function upTo(count: number, from: Iterator<number>): number[] {
  const taken: number[] = [];
  while (taken.length < count) {
    const { done, value } = from.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}
