/**
 * Bytes for the decoder, in classes that are each good now and then: so that a comparison of two decoders
 * has something to compare on either side. Equal seeds give equal inputs.
 */
import { concatBytes, fromHex } from "../../protocol/bytes.js";
import { readVectors, VECTOR_FILES } from "../vectors/read.js";
import { randomItem } from "./items.js";
import type { Draw } from "./draw.js";

/** Class → one input of it. */
export const INPUT_CLASSES: Readonly<Record<string, (draw: Draw) => Uint8Array>> = {
  "an item of the profile with one flaw at most": (draw) => {
    let flaws = draw(4) === 0 ? 0 : 1;
    return randomItem(draw, () => flaws > 0 && draw(6) === 0 && flaws-- > 0);
  },
  "an item with any number of flaws": (draw) => randomItem(draw, () => draw(8) === 0),
  "an altered vector": alteredVector,
  "a few random bytes": (draw) => randomBytes(draw, draw(7)),
  "nested about as deep as allowed": (draw) => {
    const levels = Array.from({ length: 6 + draw(5) }, () => (draw(2) === 0 ? "81" : "a100"));
    return fromHex(`${levels.join("")}${["00", "80", "a0", "f5", "f6"][draw(5)]}`);
  },
  "about as long as allowed": longString,
};

/** Payloads, frames, envelopes without their tag, and the items of strict.json. */
const corpus = VECTOR_FILES.flatMap((name) =>
  readVectors(name)
    .filter(({ hex }) => hex.length <= 800)
    .map(({ hex }) => fromHex(hex.replace(/^d2/, ""))),
);

/** Initial bytes at which something begins or ends in the encoding. */
const EDGES = fromHex("001718191a1b1c1f203738395860787f8081989fa0a1b8bfc0d2d8e0f4f5f6f7f8f9fafbff");

function alteredVector(draw: Draw): Uint8Array {
  let bytes = corpus[draw(corpus.length)]!;
  for (let count = draw(3); count > 0; count--) {
    const at = draw(bytes.length + 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const edge = Uint8Array.of(EDGES[draw(EDGES.length)]!);
    const other = corpus[draw(corpus.length)]!;
    const ways = [
      () => concatBytes(before, Uint8Array.of((after[0] ?? 0) ^ (1 << draw(8))), after.subarray(1)),
      () => concatBytes(before, edge, after.subarray(1)),
      () => concatBytes(before, edge, after),
      () => concatBytes(before, after.subarray(1 + draw(3))),
      () => concatBytes(before, other.subarray(draw(other.length + 1))),
      () => before,
    ];
    bytes = ways[draw(ways.length)]!();
  }
  return bytes;
}

/** Long strings cost much and show little more than short ones: most are far below the bound. */
function longString(draw: Draw): Uint8Array {
  const near = draw(100) === 0 ? 65_533 : 253;
  const size = near - 3 + draw(7);
  const head = Uint8Array.of(draw(2) === 0 ? 0x59 : 0x79, size >> 8, size & 0xff);
  return concatBytes(size > 0xffff ? Uint8Array.of(head[0]! + 1, 0, 1, 0, 0) : head, new Uint8Array(size));
}

function randomBytes(draw: Draw, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => draw(256));
}
