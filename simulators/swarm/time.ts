/** Machine time: one monotonic clock for all processes of a machine, so that their moments can be compared. */

/** Milliseconds, with fractions, since some moment in the past; a change of the date does not touch it. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
