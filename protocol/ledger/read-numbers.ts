/**
 * Reads a coded list of device numbers: how many; then, unless there are none, the mode in one byte, the
 * first number, the parameters of the mode, and bits filled up with zeros to a whole byte.
 *
 *     mode 0  gaps    for each further number: how many numbers are left out before it
 *     mode 1  runs    for each run: how many numbers follow its first one; before each further run: how many
 *                     are left out, less one, since runs that touch are one run
 *     mode 2  bitmap  one bit for each number after the first, up to the last
 *
 * Gaps and lengths are in Golomb code, with a parameter for each (gaps first); other integers are varints.
 * A bitmap is gaps with parameter 1, so one loop reads all three.
 */
import type { BitReader } from "./bits.js";
import { MAX_LEDGER_NUMBERS, MAX_NUMBER } from "./bounds.js";
import { golomb, readGolomb, readGolombParameter } from "./golomb.js";
import type { Run } from "./runs.js";

export const MODES = { gaps: 0, runs: 1, bitmap: 2 } as const;
export type Mode = keyof typeof MODES;

export const ONE_BIT_EACH = golomb(1);

/**
 * The runs of one list, on demand and in constant memory. The last run comes when the list is known to be
 * whole: who reads to the end has checked it all, who stops early has checked it up to there.
 * @throws ProtocolError "malformed", "out-of-range" or "too-large"
 */
export function* readNumbers(reader: BitReader): Generator<Run, undefined> {
  let left = readCount(reader);
  if (left === 0) return;
  const mode = reader.bits(8);
  if (mode > MODES.bitmap) reader.refuse("malformed", `there is no mode ${mode}`);
  let number = inRange(reader, reader.varint());
  const gap = mode === MODES.bitmap ? ONE_BIT_EACH : readGolombParameter(reader);
  const length = mode === MODES.runs ? readGolombParameter(reader) : undefined;
  const hole = length ? 1 : 0;
  for (let first = number; ;) {
    const more = length ? readGolomb(reader, length) : 0;
    if (more >= left) reader.refuse("malformed", "a list holds more numbers than it counts");
    left -= 1 + more;
    const last = inRange(reader, number + more);
    if (left === 0) {
      reader.align();
      yield { first, last };
      return;
    }
    number = inRange(reader, last + 1 + hole + readGolomb(reader, gap));
    if (number === last + 1) continue;
    yield { first, last };
    first = number;
  }
}

/** How many numbers a list says that it has. */
export function readCount(reader: BitReader): number {
  const count = reader.varint();
  if (count > MAX_LEDGER_NUMBERS)
    reader.refuse("too-large", `${count} numbers; a list has at most ${MAX_LEDGER_NUMBERS}`);
  return count;
}

function inRange(reader: BitReader, number: number): number {
  if (number < 1 || number > MAX_NUMBER) reader.refuse("out-of-range", "a number is outside 1..2^32 - 1");
  return number;
}
