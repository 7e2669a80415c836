/**
 * Standings as small as they go, since a gateway holds everybody's: one integer (a "word") each in memory, nine
 * bytes each on the wire.
 */
import { ProtocolError } from "../protocol/errors.js";
import { LEVELS, type Level } from "../protocol/level.js";
import type { Standing } from "./link.js";

/** What is to be known of one number. */
export interface StandingRecord {
  readonly number: number;
  /** `standingWord`. */
  readonly word: number;
}

/** In one message. */
export const MAX_STANDINGS = 4_096;
/** A number of 4 bytes and a word of 5, big-endian. */
export const STANDING_BYTES = 9;

/** The word of a number that the fleet does not know. */
export const UNKNOWN = 0;
const SUSPECTED = 1 << 5;
const KNOWN = 1 << 4;
const ENROLLED = 1 << 3;
const LEVEL_BITS = 0b111;
/** The lowest generation, 32 bits, stands above the flags. */
const GENERATION = 1 << 6;
const WORD_END = 2 ** 32 * GENERATION;

const LEVEL_WORDS = new Map(
  Object.entries(LEVELS).map(([word, number]) => [number as number, word as Level]),
);

export function standingWord(standing: Standing | undefined): number {
  if (!standing) return UNKNOWN;
  const { enrolled, suspected, level } = standing;
  const flags = KNOWN | (enrolled ? ENROLLED : 0) | (suspected ? SUSPECTED : 0) | LEVELS[level];
  return standing.lowestGeneration * GENERATION + flags;
}

/** @throws ProtocolError for a number that is no word. */
export function standingOf(word: number): Standing | undefined {
  if (word === UNKNOWN) return undefined;
  const flags = word % GENERATION;
  const level = LEVEL_WORDS.get(flags & LEVEL_BITS);
  if (!level || !(flags & KNOWN) || word >= WORD_END) throw new ProtocolError("out-of-range", "no standing");
  const lowestGeneration = Math.floor(word / GENERATION);
  const [enrolled, suspected] = [(flags & ENROLLED) !== 0, (flags & SUSPECTED) !== 0];
  return { level, lowestGeneration, enrolled, suspected };
}

export function encodeStandings(records: readonly StandingRecord[]): Uint8Array {
  const out = new Uint8Array(records.length * STANDING_BYTES);
  const view = new DataView(out.buffer);
  records.forEach(({ number, word }, i) => {
    const at = i * STANDING_BYTES;
    view.setUint32(at, number);
    view.setUint8(at + 4, Math.floor(word / 2 ** 32));
    view.setUint32(at + 5, word % 2 ** 32);
  });
  return out;
}

/** @throws ProtocolError "malformed" or "out-of-range" */
export function readStandings(bytes: Uint8Array): readonly StandingRecord[] {
  if (bytes.length % STANDING_BYTES !== 0) throw new ProtocolError("malformed", "half a standing");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / STANDING_BYTES }, (_, i) => {
    const at = i * STANDING_BYTES;
    const number = view.getUint32(at);
    const word = view.getUint8(at + 4) * 2 ** 32 + view.getUint32(at + 5);
    if (number === 0) throw new ProtocolError("out-of-range", "a standing of number 0, which is nobody");
    standingOf(word); // refuses what is none
    return { number, word };
  });
}
