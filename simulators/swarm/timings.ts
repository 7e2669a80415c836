/**
 * How long things took: HDR histograms, so that a long tail is kept whole in a few kilobytes, whatever the
 * number of values; each process fills its own, and they are added up.
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** Milliseconds. A percentile that was not reached is left out. */
export interface Percentiles {
  readonly count: number;
  readonly p50?: number;
  readonly p90?: number;
  readonly p99?: number;
  /** All of them. */
  readonly p100?: number;
}

/** Kept to a thousandth of the value. */
const DIGITS = 3;
const MICROSECONDS = 1_000;
/** Longer times count as this one: an hour. */
const LONGEST_MICROSECONDS = 3_600_000_000;

export class Timing {
  #histogram: Histogram = build({
    highestTrackableValue: LONGEST_MICROSECONDS,
    numberOfSignificantValueDigits: DIGITS,
  });

  record(ms: number): void {
    const value = Math.round(ms * MICROSECONDS);
    this.#histogram.recordValue(Math.min(Math.max(value, 1), LONGEST_MICROSECONDS));
  }

  /** Adds what another process recorded. */
  add(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded));
  }

  /** What came after `earlier`, an older state of the same. */
  since(earlier: Timing): Timing {
    const rest = new Timing();
    rest.#histogram.add(this.#histogram);
    rest.#histogram.subtract(earlier.#histogram);
    return rest;
  }

  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /**
   * @param of - how many times there should be. Where some are missing, they count as longer than all others:
   *   with 98 of 100 there is no 99th percentile.
   */
  percentiles(of: number = this.#histogram.totalCount): Percentiles {
    const count = this.#histogram.totalCount;
    const at = (percent: number): number | undefined => {
      const share = count === 0 ? Infinity : (percent * of) / count;
      return share > 100 ? undefined : this.#histogram.getValueAtPercentile(share) / MICROSECONDS;
    };
    const shares = { p50: at(50), p90: at(90), p99: at(99), p100: at(100) };
    const reached = Object.entries(shares).filter(([, ms]) => ms !== undefined);
    return { count, ...(Object.fromEntries(reached) as Partial<Percentiles>) };
  }
}

/** The times of one group. @param of - how many there should be. */
export function percentilesOf(times: readonly number[], of: number): Percentiles {
  const timing = new Timing();
  for (const ms of times) timing.record(ms);
  return timing.percentiles(of);
}
