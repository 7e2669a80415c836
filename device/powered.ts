/**
 * Powered time, and where it is kept. With each record that is saved for another reason; else hourly beside
 * it, since each save of the record moves the counter, and NV memory wears. Pure.
 */
import type { DeviceRecord, SessionRecord } from "./record.js";
import type { DeviceState } from "./state.js";
import type { Effect } from "./steps.js";

/** Powered time is kept at least this often; each boot is charged one interval, so that power cycling cannot stop it. */
export const PERSIST_SECONDS = 3600;

/** With the time since the last look counted, to the second. Before there is a signed time none is. */
export function countTime(state: DeviceState, atMs: number): DeviceState {
  const { record, anchorMs } = state;
  const elapsed = Math.floor((atMs - anchorMs) / 1000);
  if (elapsed <= 0 || record.signedSeconds === 0) return state;
  const poweredSeconds = record.poweredSeconds + elapsed;
  return { ...state, record: { ...record, poweredSeconds }, anchorMs: anchorMs + elapsed * 1000 };
}

/** Of a record, what may be kept beside it. */
export function timeOf({ signedSeconds, poweredSeconds }: DeviceRecord): Omit<SessionRecord, "attempts"> {
  return { signedSeconds, poweredSeconds };
}

/**
 * How a change is kept. @param sameLevel - of the level in force: one that time has brought is kept in the
 * record, so that nobody gets rid of it by taking the session away.
 */
export function keeping(before: DeviceRecord, after: DeviceRecord, sameLevel: boolean): readonly Effect[] {
  if (after === before) return [];
  const names = Object.keys({ ...before, ...after }) as (keyof DeviceRecord)[];
  const changed = names.filter((name) => before[name] !== after[name]);
  if (changed.length === 0) return [];
  return sameLevel && changed.every((name) => name === "poweredSeconds")
    ? [{ type: "save-session", session: timeOf(after) }]
    : [{ type: "save", record: after }];
}

/** The record with the powered time that was kept beside it since, if it counts from the same signed time. */
export function withKeptTime(record: DeviceRecord, session: SessionRecord | undefined): DeviceRecord {
  if (session?.signedSeconds !== record.signedSeconds) return record;
  return { ...record, poweredSeconds: Math.max(record.poweredSeconds, session.poweredSeconds) };
}
