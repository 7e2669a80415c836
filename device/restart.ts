/**
 * What a device makes of what it finds stored, before anything else happens: time kept beside the record,
 * keys that are gone, and doubt, when the store gives back something else than was saved last. Pure.
 */
import { MAX_ALARMS, withAlarm } from "./alarms.js";
import type { Stored } from "./ports.js";
import { withKeptTime } from "./powered.js";
import type { DeviceRecord } from "./record.js";

/** @param missing - of the keys of the record's identities, those that its `KeyStore` does not have. */
export function recordAtBoot(stored: Stored, missing: ReadonlySet<string>): DeviceRecord {
  const record = withKeptTime(withKeys(stored.record, missing), stored.session);
  return stored.doubt ? doubted(record, stored.doubt, stored.saves) : record;
}

/** An identity whose key is gone is none: the device comes back as a pledge, with the one from the factory (P9). */
function withKeys(record: DeviceRecord, missing: ReadonlySet<string>): DeviceRecord {
  const { ldevid, base, ...rest } = record;
  if (!keysIn(record).some((key) => missing.has(key))) return record;
  return {
    ...rest,
    ...(ldevid && !missing.has(ldevid.key) && { ldevid }),
    ...(base && !missing.has(base.key) && { base }),
  };
}

function keysIn({ ldevid, base }: DeviceRecord): readonly string[] {
  return [ldevid, base].flatMap((identity) => (identity ? [identity.key] : []));
}

/**
 * Holds itself until a release names the alarm (P3). Numbers go on from where no save can have been: each save
 * used up one number of a receipt, one of a key, and as many of alarms as are kept.
 */
function doubted(record: DeviceRecord, doubt: NonNullable<Stored["doubt"]>, saves: number): DeviceRecord {
  const beyond = {
    lastAlarmId: Math.max(record.lastAlarmId, saves * MAX_ALARMS),
    receiptCounter: Math.max(record.receiptCounter, saves),
    keyCounter: Math.max(record.keyCounter, saves),
  };
  return withAlarm({ ...record, ...beyond }, doubt);
}
