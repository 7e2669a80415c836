/** Gives a log back what it has lost, record by record, from a copy. What is there already is not written again. */
import { chainHash, draft, sealRecord } from "../adapters/record-chain.js";
import { FleetError } from "../errors.js";
import type { LogRecord, Position, Subject } from "../ports.js";
import { FLEET_SUBJECT } from "../subjects.js";
import type { ClosedLog, History, LogState } from "./closed-log.js";
import { recordAt } from "./closed-log.js";
import { fenceLifted, type Mending } from "./lift.js";

/** Appends that are under way together: one sync of the disk for all of them. */
const APPENDS_AT_ONCE = 256;

/**
 * Appends what `source` has beyond the log's end. Stopped anywhere, it goes on from there when it is called again.
 * @param source - `log` is a beginning of it.
 * @returns how many records were missing.
 * @throws FleetError "conflict" when the log is no beginning of the source.
 */
export async function refill(log: ClosedLog, source: History): Promise<number> {
  const ends = new Map<Subject, Position>();
  let last: Pick<LogRecord, "position" | "hash"> = { position: 0, hash: chainHash(undefined) };
  for await (const record of log.read(0)) {
    ends.set(record.subject, record.position);
    last = record;
  }
  const begun = last.position;
  if (begun > 0 && (await recordAt(source, begun))?.hash !== last.hash) throw other(begun);
  let batch: Promise<void>[] = [];
  for await (const record of source.read(begun)) {
    const { position, subject, events, hash } = record;
    if (chainHash(sealRecord(position, draft(subject, events), last.hash)) !== hash) throw other(position);
    const appended = log.append(subject, events, ends.get(subject) ?? 0).then((at) => {
      if (at !== position) throw other(position);
    });
    appended.catch(() => undefined); // told by `allDone`, with those that went out beside it
    batch.push(appended);
    ends.set(subject, position);
    last = record;
    if (batch.length < APPENDS_AT_ONCE) continue;
    await allDone(batch);
    batch = [];
  }
  await allDone(batch);
  return last.position - begun;
}

/** Ends the fence of a log that is whole again. */
export async function liftAfterRefill(
  log: ClosedLog,
  { folded, ends }: LogState,
  mending: Mending,
): Promise<void> {
  const lifted = fenceLifted("refilled", mending, folded);
  await log.append(FLEET_SUBJECT, [lifted], ends.get(FLEET_SUBJECT) ?? 0);
}

/** Nothing is under way any more when it ends, or throws. */
async function allDone(batch: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(batch);
  await Promise.all(batch);
}

function other(position: Position): FleetError {
  return new FleetError("conflict", `the log is no beginning of this copy: they part at record ${position}`);
}
