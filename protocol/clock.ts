/** The port to time. Whatever waits or looks at the date does so through it, so that years can pass in a test. */

/** A call that is due later. */
export interface Timer {
  /** After it has run, or the second time, this does nothing. */
  cancel(): void;
}

export interface Clock {
  /** Unix time, milliseconds. Unsigned time: it may jump in both directions. */
  nowMs(): number;
  /**
   * Runs `run` once, `delayMs` from now (any length; below 0 is 0), never before this call has returned.
   * The process stays alive until then: cancel what is no longer wanted.
   */
  after(delayMs: number, run: () => void): Timer;
}
