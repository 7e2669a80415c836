/**
 * An exchange between two devices over any duplex stream: a socket, a serial line, a pipe. Nothing secret
 * is sent and nothing is believed for its carrier, so the stream needs neither TLS nor a name.
 */
import type { Duplex } from "node:stream";
import { BundleReader, MAX_BUNDLE_BYTES } from "../../protocol/bundle.js";
import type { Clock, Timer } from "../../protocol/clock.js";
import type { Crypto } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { mailCore } from "../mail.js";
import type { Device } from "../main.js";
import type { PeerBag } from "../peer-bag.js";
import {
  beginExchange,
  type Exchange,
  type ExchangeEffect,
  type ExchangeInput,
  isComplete,
  stepExchange,
} from "../peer-exchange.js";
import type { DeviceStore } from "../ports.js";
import { storedIn } from "../stored.js";

/** A peer from which nothing comes for this long is given up. */
const SILENT_MS = 30_000;
/** An exchange takes no longer than this, however busy the peer is: enough for a whole ledger at 115,200 baud. */
const LONGEST_MS = 10 * 60_000;

interface ExchangeOptions {
  /** The device's own store: what it says that it holds is what is stored (P4). */
  readonly store: DeviceStore;
  /** What it carries for others. */
  readonly bag: PeerBag;
  readonly clock: Clock;
  readonly crypto: Crypto;
  /** All that it takes from the peer, 1,024 to 4,194,304 (the default). */
  readonly maxBytes?: number;
}

type Exchanging = Pick<Device, "number" | "documents" | "receive" | "receipt">;

/** What came of an exchange. Whatever came before its end counts, however it ended. */
export interface ExchangeReport {
  /**
   * "complete": each side has said all. "refused": the peer sent what no peer sends. "silent": it was given
   * up. "closed": the stream broke off.
   */
  readonly ended: "complete" | "refused" | "silent" | "closed";
  /** The number that the peer goes by, which it has not proven. */
  readonly peer?: number;
  /** Why, for "refused". */
  readonly refusal?: ProtocolError;
  /** Documents for others that did not prove themselves. Of its own the device tells in its events. */
  readonly refusedMail: readonly ProtocolError[];
  /** Items that the peer lacks and could not take. */
  readonly leftOut: number;
}

/** Streams that had their exchange: on a second one, the rest of the first would be taken for a hello. */
const used = new WeakSet<Duplex>();

/**
 * Hands on what the peer lacks, and takes what it brings; both sides call this. The stream is closed when it
 * resolves. @throws DeviceError when this device cannot go on ("stopped", "storage-failed"), never for
 * anything that the peer does.
 */
export async function exchangeOverStream(
  device: Exchanging,
  stream: Duplex,
  options: ExchangeOptions,
): Promise<ExchangeReport> {
  if (used.has(stream)) throw new Error("a stream carries one exchange");
  used.add(stream);
  return new StreamExchange(device, stream, options).run();
}

class StreamExchange {
  readonly #device: Exchanging;
  readonly #stream: Duplex;
  readonly #options: ExchangeOptions;
  /** For others: verified last, under the newest Authority that came with it. */
  readonly #mail: Uint8Array[] = [];
  #exchange: Exchange | undefined;
  #gaveUp = false;
  #silence: Timer | undefined;

  constructor(device: Exchanging, stream: Duplex, options: ExchangeOptions) {
    this.#device = device;
    this.#stream = stream;
    this.#options = options;
  }

  async run(): Promise<ExchangeReport> {
    this.#stream.on("error", () => undefined); // it ends what comes, and tells nothing that counts
    const longest = this.#options.clock.after(LONGEST_MS, () => this.#giveUp());
    let refusal: ProtocolError | undefined;
    try {
      await this.#begin();
      await this.#hear();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      refusal = error;
    } finally {
      longest.cancel();
      this.#silence?.cancel();
      this.#stream.destroy();
    }
    return this.#report(refusal, await this.#takeMail());
  }

  async #begin(): Promise<void> {
    const { store, bag, crypto, maxBytes = MAX_BUNDLE_BYTES } = this.#options;
    const { number } = this.#device;
    const { holds } = await storedIn(store, crypto);
    const items = [...this.#device.documents(), ...bag.mail()];
    const { exchange, effects } = beginExchange({ number, holds, maxBytes }, items, crypto);
    this.#exchange = exchange;
    for (const effect of effects) await this.#carryOut(effect);
  }

  /** Up to the end of the stream, which comes when both have said all, or before. */
  async #hear(): Promise<void> {
    const { maxBytes = MAX_BUNDLE_BYTES } = this.#options;
    const reader = new BundleReader();
    let bytes = 0;
    this.#waitForMore();
    for await (const piece of piecesOf(this.#stream)) {
      this.#waitForMore();
      bytes += piece.length;
      if (bytes > maxBytes)
        throw new ProtocolError(
          "too-large",
          `the peer sends more than the ${maxBytes} bytes that it was told`,
        );
      for (const item of reader.push(piece)) await this.#happen({ type: "item", item });
    }
  }

  async #happen(input: ExchangeInput): Promise<void> {
    if (!this.#exchange) throw new Error("an exchange begins with our own hello");
    const { exchange, effects } = stepExchange(this.#exchange, input);
    this.#exchange = exchange;
    for (const effect of effects) await this.#carryOut(effect);
    if (isComplete(exchange)) this.#stream.end();
  }

  async #carryOut(effect: ExchangeEffect): Promise<void> {
    switch (effect.type) {
      case "send":
        // Not waited for: two that wait for each other to read would wait for ever. It is bounded.
        this.#stream.write(effect.bytes);
        return;
      case "take": {
        const subject = mailCore(effect.item)?.subject ?? this.#device.number;
        if (subject === this.#device.number) this.#device.receive(effect.item);
        else this.#mail.push(effect.item);
        return;
      }
      case "keep-receipt":
        this.#options.bag.takeReceipt(effect.item, effect.from);
        return;
      case "confirm": {
        const own = await this.#device.receipt(); // in turn: by now all that came before it is stored
        return this.#happen({ type: "confirmed", receipts: [own, ...this.#options.bag.receipts()] });
      }
    }
  }

  async #takeMail(): Promise<readonly ProtocolError[]> {
    if (this.#mail.length === 0) return [];
    const { store, bag, crypto } = this.#options;
    const { trust } = await storedIn(store, crypto);
    const refused: ProtocolError[] = [];
    for (const item of this.#mail) {
      try {
        bag.takeMail(item, trust);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        refused.push(error);
      }
    }
    return refused;
  }

  #report(refusal: ProtocolError | undefined, refusedMail: readonly ProtocolError[]): ExchangeReport {
    const { peer, leftOut = 0 } = this.#exchange ?? {};
    const about = { ...(peer && { peer: peer.number }), refusedMail, leftOut };
    if (this.#exchange && isComplete(this.#exchange)) return { ended: "complete", ...about };
    if (refusal) return { ended: "refused", refusal, ...about };
    return { ended: this.#gaveUp ? "silent" : "closed", ...about };
  }

  #waitForMore(): void {
    this.#silence?.cancel();
    this.#silence = this.#options.clock.after(SILENT_MS, () => this.#giveUp());
  }

  #giveUp(): void {
    this.#gaveUp = true;
    this.#stream.destroy();
  }
}

/** What comes, until nothing more does. How a stream breaks off says nothing that counts. */
async function* piecesOf(stream: Duplex): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of stream) yield piece as Uint8Array;
  } catch {
    return;
  }
}
