/**
 * Two devices meet: the sequence of what each says, the same on both sides. Hello; documents that the other
 * lacks, and their end; once all that came is stored, receipts and their end. Who is at the other end does
 * not matter, since each document proves itself (P1); so all that is judged here is the sequence. Pure.
 */
import { concatBytes } from "../protocol/bytes.js";
import { looksSigned } from "../protocol/cose.js";
import type { Crypto } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { decodeFrame, encodeFrame, frameType } from "../protocol/frame.js";
import { MAX_BUNDLE_BYTES } from "../protocol/bundle.js";
import { PeerEnd, PeerHello } from "../protocol/peer.js";
import { firstThatFit, offerTo, sizeOf } from "./peer-offer.js";

/** Largest `peer-end`, in bytes. */
const END_BYTES = 16;
/** Kept free, of what the peer takes, for our own receipt and the two ends. */
const RECEIPT_ROOM_BYTES = 512 + 2 * END_BYTES;

export interface Exchange {
  readonly crypto: Crypto;
  /** Envelopes and ledger parts, verified here: all that could be new to anyone. */
  readonly items: readonly Uint8Array[];
  /** What the peer is saying now. */
  readonly hears: "hello" | "documents" | "receipts" | "nothing";
  readonly peer?: PeerHello;
  /** Items of what it is saying now that have come. */
  readonly came: number;
  readonly sentBytes: number;
  /** Our receipts are on their way: we have said all. */
  readonly confirmed: boolean;
  /** Items that the peer lacks and could not take. */
  readonly leftOut: number;
}

export type ExchangeInput =
  | { readonly type: "item"; readonly item: Uint8Array }
  /** All that came is stored. `receipts`: our own first, then those that we carry. */
  | { readonly type: "confirmed"; readonly receipts: readonly Uint8Array[] };

/** What to do, in order. */
export type ExchangeEffect =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** A document or a part of the ledger, as it came: nothing is proven. */
  | { readonly type: "take"; readonly item: Uint8Array }
  | { readonly type: "keep-receipt"; readonly item: Uint8Array; readonly from: number }
  /** Answered by `confirmed`. */
  | { readonly type: "confirm" };

interface ExchangeStep {
  readonly exchange: Exchange;
  readonly effects: readonly ExchangeEffect[];
}

/** @param hello - ours. @param items - see `Exchange`. */
export function beginExchange(hello: PeerHello, items: readonly Uint8Array[], crypto: Crypto): ExchangeStep {
  const start = {
    crypto,
    items,
    hears: "hello",
    came: 0,
    sentBytes: 0,
    confirmed: false,
    leftOut: 0,
  } as const;
  return sending(start, [encodeFrame(PeerHello, hello)]);
}

/** True when both sides have said all. */
export function isComplete({ hears, confirmed }: Exchange): boolean {
  return hears === "nothing" && confirmed;
}

/** @throws ProtocolError when the peer breaks the sequence: nothing more of it is to be heard. */
export function stepExchange(exchange: Exchange, input: ExchangeInput): ExchangeStep {
  if (input.type === "confirmed") return confirm(exchange, input.receipts);
  const { item } = input;
  switch (exchange.hears) {
    case "hello":
      return greet(exchange, item);
    case "documents":
      if (endsPart(exchange, "documents", item))
        return { exchange: { ...exchange, hears: "receipts", came: 0 }, effects: [{ type: "confirm" }] };
      return counted(exchange, { type: "take", item });
    case "receipts": {
      if (endsPart(exchange, "receipts", item))
        return { exchange: { ...exchange, hears: "nothing" }, effects: [] };
      if (!exchange.peer) throw new Error("receipts come after the hello");
      return counted(exchange, { type: "keep-receipt", item, from: exchange.peer.number });
    }
    case "nothing":
      throw new ProtocolError("malformed", "the peer goes on after its last peer-end");
  }
}

/** Now that it is known what the peer lacks. */
function greet(exchange: Exchange, item: Uint8Array): ExchangeStep {
  if (!isFrameOf(PeerHello.type, item))
    throw new ProtocolError("unknown-type", "a peer begins with a peer-hello");
  const peer = decodeFrame(PeerHello, item);
  const room = roomFor(peer, exchange) - RECEIPT_ROOM_BYTES;
  const { items, leftOut } = offerTo(peer, exchange.items, room, exchange.crypto);
  return sending({ ...exchange, peer, leftOut, hears: "documents" }, [...items, endOf("documents", items)]);
}

function confirm(exchange: Exchange, receipts: readonly Uint8Array[]): ExchangeStep {
  if (!exchange.peer) throw new Error("receipts come after the hello");
  const room = roomFor(exchange.peer, exchange) - END_BYTES;
  const items = firstThatFit(receipts, room);
  const leftOut = exchange.leftOut + receipts.length - items.length;
  return sending({ ...exchange, leftOut, confirmed: true }, [...items, endOf("receipts", items)]);
}

/** Bytes that the peer still takes. */
function roomFor({ maxBytes = MAX_BUNDLE_BYTES }: PeerHello, { sentBytes }: Exchange): number {
  return maxBytes - sentBytes;
}

function sending(exchange: Exchange, items: readonly Uint8Array[]): ExchangeStep {
  const sentBytes = exchange.sentBytes + sizeOf(items);
  return { exchange: { ...exchange, sentBytes }, effects: [{ type: "send", bytes: concatBytes(...items) }] };
}

function counted(exchange: Exchange, effect: ExchangeEffect): ExchangeStep {
  return { exchange: { ...exchange, came: exchange.came + 1 }, effects: [effect] };
}

function endOf(part: PeerEnd["part"], items: readonly Uint8Array[]): Uint8Array {
  return encodeFrame(PeerEnd, { part, items: items.length });
}

/** True for the end of what the peer is saying. @throws ProtocolError for the end of something else, or of less. */
function endsPart({ came }: Exchange, part: PeerEnd["part"], item: Uint8Array): boolean {
  if (!isFrameOf(PeerEnd.type, item)) return false;
  const end = decodeFrame(PeerEnd, item);
  if (end.part !== part)
    throw new ProtocolError("malformed", `the end of ${end.part} came among the ${part}`);
  if (end.items !== came)
    throw new ProtocolError("malformed", `${end.items} ${part} were sent, and ${came} came`);
  return true;
}

function isFrameOf(type: number, item: Uint8Array): boolean {
  return !looksSigned(item) && frameType(item) === type;
}
