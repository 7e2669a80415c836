/**
 * What may be before the fleet at one time, and what one device may ask. Held devices have a share that the
 * others cannot take: a quarantine, and a release, must arrive in any storm (P10).
 */
import { Buckets, type Rate } from "./buckets.js";

/** Requests of one gateway that wait for the fleet's decision; more would only wait longer. */
export const MAX_UNDECIDED = 512;
/** One in so many of these places is for held devices alone. */
const RESERVED_SHARE = 8;
/** Signed requests of one device: each is an entry in the log. */
const MESSAGE_RATE: Rate = { perSecond: 1, burst: 60 };
/** Frames of one device, answered from what is at hand: a ledger of 1 MiB in parts of 1 KB is 1,024 of them. */
const FRAME_RATE: Rate = { perSecond: 50, burst: 1_100 };
/** All who are sent away come back within this time, not together. */
const SPREAD_SECONDS = 10;

export class Overload {
  readonly #messages = new Buckets<number>(MESSAGE_RATE);
  readonly #frames = new Buckets<number>(FRAME_RATE);
  readonly #max: number;
  #undecided = 0;

  constructor(maxUndecided: number) {
    this.#max = maxUndecided;
  }

  /** @returns 0, or for how many seconds the device that asks has to wait. */
  pauseSeconds(number: number, signed: boolean, nowMs: number): number {
    return Math.ceil((signed ? this.#messages : this.#frames).take(number, nowMs) / 1000);
  }

  /** Takes a place before the fleet; `leave` gives it back. False: there is none left. */
  enter(held: boolean): boolean {
    const max = held ? this.#max : this.#max - Math.ceil(this.#max / RESERVED_SHARE);
    if (this.#undecided >= max) return false;
    this.#undecided += 1;
    return true;
  }

  leave(): void {
    this.#undecided -= 1;
  }
}

/** When one of many comes again. @param random - 4 bytes. */
export function spreadSeconds(random: Uint8Array): number {
  const share = new DataView(random.buffer, random.byteOffset).getUint32(0) / 0x1_0000_0000;
  return 1 + Math.floor(share * SPREAD_SECONDS);
}
