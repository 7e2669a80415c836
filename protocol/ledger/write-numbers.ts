/** Writes a list of device numbers (the coding: see read-numbers.ts), in the mode that takes the fewest bytes. */
import { ProtocolError } from "../errors.js";
import { BitWriter, varintBytes } from "./bits.js";
import { MAX_LEDGER_BYTES, MAX_LEDGER_NUMBERS } from "./bounds.js";
import { type Golomb, golombBits, golombFor, writeGolomb } from "./golomb.js";
import { type Mode, MODES, ONE_BIT_EACH } from "./read-numbers.js";
import type { Run, Runs } from "./runs.js";

/**
 * The same set gives the same bytes; of modes that tie, the lowest is taken. Walks the set three times and
 * holds nothing of it but the bytes.
 * @throws ProtocolError "too-large" over MAX_LEDGER_NUMBERS or MAX_LEDGER_BYTES.
 */
export function encodeNumbers(runs: Runs): Uint8Array {
  const sized = measured(Object.values(layoutsFor(runs)), runs);
  return written(
    sized.reduce((best, one) => (one.sizeBytes < best.sizeBytes ? one : best)),
    runs,
  );
}

/** In a mode of the caller's choice. @throws ProtocolError "too-large" */
export function encodeNumbersAs(mode: Mode, runs: Runs): Uint8Array {
  const [sized] = measured([layoutsFor(runs)[mode]], runs);
  return written(sized!, runs);
}

/** One way to write a set. */
interface Layout {
  /** What stands before the bits, each as a varint. */
  readonly header: readonly number[];
  readonly gap: Golomb;
  /** Where runs are coded as such. */
  readonly length?: Golomb;
}

interface Sized extends Layout {
  readonly sizeBytes: number;
}

/** `value` in `code`, `times` times. */
type Put = (code: Golomb, value: number, times: number) => void;

function layoutsFor(set: Runs): Readonly<Record<Mode, Layout>> {
  let [count, runs, first, last] = [0, 0, 0, 0];
  for (const run of set) {
    first ||= run.first;
    last = run.last;
    runs += 1;
    count += run.last - run.first + 1;
  }
  if (count > MAX_LEDGER_NUMBERS)
    throw new ProtocolError("too-large", `${count} numbers; a list has at most ${MAX_LEDGER_NUMBERS}`);
  const leftOut = last - first + 1 - count;
  const single = golombFor(leftOut, count - 1);
  const gap = golombFor(leftOut - (runs - 1), runs - 1);
  const length = golombFor(count - runs, runs);
  const header = (mode: Mode, ...parameters: readonly Golomb[]) =>
    count === 0 ? [0] : [count, MODES[mode], first, ...parameters.map(({ parameter }) => parameter)];
  return {
    gaps: { header: header("gaps", single), gap: single },
    runs: { header: header("runs", gap, length), gap, length },
    bitmap: { header: header("bitmap"), gap: ONE_BIT_EACH },
  };
}

/** Hands over, in order, what stands for one run. */
function putRun({ gap, length }: Layout, { first, last }: Run, previous: Run | undefined, put: Put): void {
  if (previous) put(gap, first - previous.last - (length ? 2 : 1), 1);
  if (length) put(length, last - first, 1);
  else put(gap, 0, last - first);
}

function measured(layouts: readonly Layout[], runs: Runs): readonly Sized[] {
  const tallies = layouts.map((layout) => {
    const tally = { layout, bits: 0, put };
    function put(code: Golomb, value: number, times: number): void {
      tally.bits += times * golombBits(code, value);
    }
    return tally;
  });
  let previous: Run | undefined;
  for (const run of runs) {
    for (const { layout, put } of tallies) putRun(layout, run, previous, put);
    previous = run;
  }
  return tallies.map(({ layout, bits }) => {
    const headerBytes = layout.header.reduce((sum, value) => sum + varintBytes(value), 0);
    return { ...layout, sizeBytes: headerBytes + Math.ceil(bits / 8) };
  });
}

function written(layout: Sized, runs: Runs): Uint8Array {
  if (layout.sizeBytes > MAX_LEDGER_BYTES)
    throw new ProtocolError(
      "too-large",
      `${layout.sizeBytes} bytes of numbers; at most ${MAX_LEDGER_BYTES} are read`,
    );
  const writer = new BitWriter(layout.sizeBytes);
  for (const value of layout.header) writer.varint(value);
  const put: Put = (code, value, times) => {
    for (let i = 0; i < times; i++) writeGolomb(writer, code, value);
  };
  let previous: Run | undefined;
  for (const run of runs) {
    putRun(layout, run, previous, put);
    previous = run;
  }
  return writer.bytes;
}
