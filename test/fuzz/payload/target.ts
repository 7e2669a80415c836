/** One door for bytes: what is sent to it, and what may come of that. */
import { toHex } from "../../../protocol/bytes.js";
import { looksSigned } from "../../../protocol/cose.js";
import { type Draw, pick } from "../draw.js";
import { Unacceptable } from "../edge.js";
import { mutateBytes } from "../mutate-bytes.js";
import { type Forger, mutateInside } from "./reseal.js";

export interface Target {
  readonly name: string;
  /** Of all inputs, in relation to the other targets. */
  readonly share: number;
  draw(draw: Draw): Uint8Array;
  attempt(bytes: Uint8Array): string | Promise<string>;
}

/** Of inputs that were changed inside and signed again, against those whose bytes were changed. */
const RESEALED_IN_TEN = 3;

/**
 * The two targets of one reader of messages: bytes changed by someone without a key, of which no envelope
 * may be taken that was not sent as it is; and messages changed by someone who has the keys.
 * @param read - what is taken, in a word; whatever it throws must be acceptable there.
 */
export function messageTargets(
  name: string,
  share: number,
  corpus: readonly Uint8Array[],
  forger: Forger,
  read: (bytes: Uint8Array) => string | Promise<string>,
): readonly Target[] {
  const genuine = new Set(corpus.map(toHex));
  return [
    {
      name,
      share: (share * (10 - RESEALED_IN_TEN)) / 10,
      draw: (draw) => mutateBytes(pick(draw, corpus), corpus, draw),
      async attempt(bytes) {
        const word = await read(bytes);
        if (word.startsWith(TAKEN) && looksSigned(bytes) && !genuine.has(toHex(bytes)))
          throw new Unacceptable(`taken, though nobody with a key has signed it: ${word}`);
        return word;
      },
    },
    {
      name: `${name}, signed`,
      share: (share * RESEALED_IN_TEN) / 10,
      draw: (draw) => mutateInside(pick(draw, corpus), draw, forger),
      attempt: read,
    },
  ];
}

/** What the word begins with for bytes that count. */
export const TAKEN = "taken";
