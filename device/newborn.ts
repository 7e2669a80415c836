/** A device that knows who it is and nothing else: at its birth, and after its state was lost. */
import type { DeviceRecord } from "./record.js";

const PAPERS = [
  "number",
  "hardwareId",
  "model",
  "fleetId",
  "idevid",
  "voucher",
  "birth",
  "maker",
  "former",
  "authority",
  "base",
] as const satisfies readonly (keyof DeviceRecord)[];

/** Of a record, what says whose device this is; nothing else can be had again from its fleet. */
export type Papers = Pick<DeviceRecord, (typeof PAPERS)[number]>;

/** @returns those that the record has. */
export function papersOf(record: DeviceRecord): Papers {
  const present = PAPERS.filter((name) => record[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, record[name]])) as unknown as Papers;
}

/** True when these are the very same papers, member by member. */
export function samePapers(a: Papers, b: Papers): boolean {
  return PAPERS.every((name) => a[name] === b[name]);
}

/** Holds nothing, was told nothing, has counted nothing. */
export function newborn(papers: Papers): DeviceRecord {
  return {
    ...papers,
    holds: [],
    alarms: [],
    lastAlarmId: 0,
    signedSeconds: 0,
    poweredSeconds: 0,
    receiptCounter: 0,
    keyCounter: 0,
  };
}
