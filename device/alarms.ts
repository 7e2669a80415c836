/** What a device noticed about itself, latched until a release names it. */
import { higherLevel, type Level } from "../protocol/level.js";
import type { Alarm, DeviceRecord } from "./record.js";
import type { DeviceState } from "./state.js";

/**
 * Alarms kept; with that many the device is isolated anyway, and the oldest tell most. So no more than that are
 * numbered between two saves.
 */
export const MAX_ALARMS = 16;

const LEVELS: Readonly<Record<Alarm["kind"], Level>> = {
  rollback: "isolate",
  tamper: "isolate",
  lost: "isolate",
  fork: "isolate",
  unreadable: "restrict",
};

export function raiseAlarm(state: DeviceState, kind: Alarm["kind"]): DeviceState {
  const record = withAlarm(state.record, kind);
  return record === state.record ? state : { ...state, record };
}

export function withAlarm(record: DeviceRecord, kind: Alarm["kind"]): DeviceRecord {
  if (record.alarms.length >= MAX_ALARMS) return record;
  const id = record.lastAlarmId + 1;
  return { ...record, alarms: [...record.alarms, { id, kind }], lastAlarmId: id };
}

export function alarmLevel(alarms: readonly Alarm[]): Level {
  return alarms.reduce<Level>((highest, { kind }) => higherLevel(highest, LEVELS[kind]), "none");
}
