/**
 * A bundle: envelopes and frames one behind the other, a CBOR sequence (RFC 8742), in a file or between two
 * devices over any stream. It is not signed: each document in it proves itself, whoever carries it (P1).
 */
import { concatBytes } from "./bytes.js";
import { looksSigned } from "./cose.js";
import { ProtocolError } from "./errors.js";
import { assertStrictCbor, followItem, MAJOR, type Place } from "./strict.js";

/** Most envelopes and frames in one bundle. */
export const MAX_BUNDLE_ITEMS = 4096;
/** Largest bundle, in bytes. */
export const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

/** First byte of an array of four, which is what tag 18 stands on (RFC 9052 §4.2), and of a frame. */
const ARRAY_OF_FOUR = 0x84;
const ARRAY_OF_TWO = 0x82;

/**
 * The items of a whole bundle, each exactly as it came. One that is bad spoils all: nothing of it is used.
 * @throws ProtocolError "malformed" or "too-large"; its text names the item.
 */
export function splitBundle(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new BundleReader();
  const items = reader.push(bytes);
  reader.end();
  return items;
}

/** @throws ProtocolError for what `splitBundle` would refuse: never send what we would not take. */
export function joinBundle(items: readonly Uint8Array[]): Uint8Array {
  const bundle = concatBytes(...items);
  const found = splitBundle(bundle);
  if (found.length !== items.length || found.some((item, i) => item.length !== items[i]?.length))
    throw new ProtocolError("malformed", "an item of a bundle is one envelope or one frame");
  return bundle;
}

/**
 * Reads a bundle as it comes, in pieces of any size. Keeps the item that is not complete yet, and no more.
 * After an error it says the same error again, whatever comes: nothing behind a bad item can be trusted to
 * begin where it seems to.
 */
export class BundleReader {
  /** The item that is not complete yet stands at the front of it. */
  #buffer = new Uint8Array(1024);
  #buffered = 0;
  #place: Place | undefined;
  #items = 0;
  #bytes = 0;
  #refusal: ProtocolError | undefined;

  /** @returns the items that are complete with this piece, in order. @throws ProtocolError */
  push(piece: Uint8Array): readonly Uint8Array[] {
    return this.#orRefuse(() => {
      this.#bytes += piece.length;
      if (this.#bytes > MAX_BUNDLE_BYTES)
        throw new ProtocolError("too-large", `a bundle has at most ${MAX_BUNDLE_BYTES} bytes`);
      this.#append(piece);
      return this.#takeComplete();
    });
  }

  /** To be called when nothing more comes. @throws ProtocolError "malformed" when the last item is cut off. */
  end(): void {
    this.#orRefuse(() => {
      if (this.#buffered > 0)
        throw new ProtocolError("malformed", `item ${this.#items + 1} of the bundle is cut off`);
    });
  }

  #orRefuse<T>(run: () => T): T {
    if (this.#refusal) throw this.#refusal;
    try {
      return run();
    } catch (error) {
      if (error instanceof ProtocolError) this.#refusal = error;
      throw error;
    }
  }

  /** Grows to twice the size, so that many small pieces are not copied again and again. */
  #append(piece: Uint8Array): void {
    const size = this.#buffered + piece.length;
    if (size > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#buffered));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#buffered);
    this.#buffered = size;
  }

  #takeComplete(): readonly Uint8Array[] {
    const items: Uint8Array[] = [];
    let rest = this.#buffer.subarray(0, this.#buffered);
    for (let item = this.#take(rest); item; item = this.#take(rest)) {
      items.push(item);
      rest = rest.subarray(item.length);
    }
    if (items.length > 0) this.#buffer.copyWithin(0, rest.byteOffset - this.#buffer.byteOffset);
    this.#buffered = rest.length;
    return items;
  }

  /** A copy of the item at the front of `bytes`, once all of it is there. */
  #take(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    if (this.#items === MAX_BUNDLE_ITEMS)
      throw new ProtocolError("too-large", `a bundle has at most ${MAX_BUNDLE_ITEMS} items`);
    try {
      this.#place = followItem(bytes, this.#place ?? beginning(bytes));
      const { at, open } = this.#place;
      if (open > 0 || at > bytes.length) return undefined;
      const item = bytes.slice(0, at);
      assertItem(item);
      this.#place = undefined;
      this.#items += 1;
      return item;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const where = `item ${this.#items + 1} of the bundle`;
      throw new ProtocolError(error.code, `${where}: ${error.message}`, { cause: error });
    }
  }
}

/** Where to begin with an item that begins with these bytes: behind the tag of an envelope. */
function beginning(bytes: Uint8Array): Place {
  if (looksSigned(bytes)) return { at: 1, open: 1 };
  if (bytes[0] === ARRAY_OF_TWO) return { at: 0, open: 1 };
  throw new ProtocolError("malformed", "neither an envelope (tag 18) nor a frame [type, payload]");
}

/** One strict item that has the outermost form of an envelope or of a frame. What it says is not read here. */
function assertItem(item: Uint8Array): void {
  const second = item[1] ?? 0;
  if (looksSigned(item)) {
    assertStrictCbor(item.subarray(1));
    if (second !== ARRAY_OF_FOUR) throw new ProtocolError("malformed", "COSE_Sign1 has four parts");
  } else {
    assertStrictCbor(item);
    if (second >> 5 !== MAJOR.unsigned)
      throw new ProtocolError("malformed", "a frame begins with the number of its message");
  }
}
