/** What a device noticed about itself, latched until a release names it. */
import { higherLevel, type Level } from "../protocol/level.js";
import type { Alarm } from "./record.js";
import type { DeviceState } from "./state.js";

/** Alarms kept; with that many the device is isolated anyway, and the oldest tell most. */
const MAX_ALARMS = 16;

const LEVELS: Readonly<Record<Alarm["kind"], Level>> = {
  rollback: "isolate",
  tamper: "isolate",
  fork: "isolate",
  unreadable: "restrict",
};

export function raiseAlarm(state: DeviceState, kind: Alarm["kind"]): DeviceState {
  const { record } = state;
  if (record.alarms.length >= MAX_ALARMS) return state;
  const id = record.lastAlarmId + 1;
  return { ...state, record: { ...record, alarms: [...record.alarms, { id, kind }], lastAlarmId: id } };
}

export function alarmLevel(alarms: readonly Alarm[]): Level {
  return alarms.reduce<Level>((highest, { kind }) => higherLevel(highest, LEVELS[kind]), "none");
}
