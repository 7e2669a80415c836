/** What an event about one device does to that device. */
import { higherLevel, type HoldLevel, type Level } from "../protocol/level.js";
import { addHold, type Freed, type Hold, liftHolds, standingOf } from "../protocol/standing.js";
import { compareVersions, NO_VERSION } from "../protocol/version.js";
import type { ActName } from "../protocol/vector.js";
import type { EventOf, HeldFact } from "./events.js";
import { doneSince, mostDone, NEVER, sinceAfter } from "./held.js";
import type { DeviceView } from "./view.js";

export type DeviceEvent = EventOf<
  | "certificate-issued"
  | "directive-issued"
  | "release-issued"
  | "lease-issued"
  | "receipt-received"
  | "alarm-reported"
  | "clone-suspected"
  | "device-vouched"
  | "return-requested"
  | "return-approved"
  | "ticket-issued"
  | "device-reenrolled"
>;

/** Requests by the base key are rare: once, and after each long absence. */
const MAX_ANSWERED = 16;

/** Whatever the next sync shows begins the chain of tokens anew. */
const NO_TOKENS: DeviceView["tokens"] = { issued: 0, shown: 0, begun: 0 };

/** A device of which nothing is known but its birth. */
export function importedDevice(event: EventOf<"device-imported">): DeviceView {
  const { number, hardwareId, model, key } = event;
  return {
    number,
    hardwareId,
    model,
    key,
    birth: event,
    level: "none",
    standing: "none",
    advised: "none",
    latched: [],
    holds: [],
    certificates: [],
    answered: [],
    lowestGeneration: 1,
    tokens: NO_TOKENS,
    toldSince: NEVER,
    heldSince: NEVER,
    asked: {},
    done: {},
    receiptCounter: 0,
    heldTime: 0,
    alarms: [],
    lastAlarmId: 0,
  };
}

/** @param countsSince - as in the view. */
export function applyToDevice(device: DeviceView, event: DeviceEvent, countsSince: number): DeviceView {
  switch (event.type) {
    case "certificate-issued": {
      const { comingBack: _done, ...rest } = device;
      const certificates = [...device.certificates.slice(-1), event];
      const answered = [...device.answered.slice(1 - MAX_ANSWERED), event.nonce];
      const byBaseKey = event.via === "renew" ? {} : { answered }; // a renewal ends with the key that signed it
      return { ...rest, certificates, ...byBaseKey, lastContactAt: event.at };
    }
    case "directive-issued": {
      // One that was lost and comes back late may have been lifted in the meantime.
      const lifted = compareVersions(event.version, device.freed?.version ?? NO_VERSION) < 0;
      const holds = lifted ? device.holds : addHold(device.holds, event);
      const lowestGeneration = Math.max(device.lowestGeneration, event.lowestGeneration);
      const asked = { ...event.counts, ...(device.asked.wipe && { wipe: device.asked.wipe }) };
      return standing({ ...device, directive: event, lowestGeneration, asked }, holds, device.freed);
    }
    case "release-issued": {
      const alarms = device.alarms.filter((alarm) => !event.clearedAlarms.includes(alarm.id));
      const { wipe: _before, ...others } = device.asked;
      const asked = { ...others, ...(event.wipe > 0 && { wipe: event.wipe }) };
      const released = { ...device, release: event, alarms, asked };
      return standing(released, liftHolds(device.holds, event.version), event);
    }
    case "lease-issued": {
      const { held, at, key, time, required } = event;
      // Signed by keys that were replaced while another service answered: nothing of it is this device's any more.
      if (device.superseded?.some(({ bytes }) => bytes === key)) return device;
      const newest = device.certificates.at(-1);
      const certificates = newest?.key.bytes === key ? [newest] : device.certificates;
      const toldSince = sinceAfter(device.toldSince, device.lease?.required, required, at);
      const issued = Math.max(device.tokens.issued, event.token.n);
      const tokens = { ...device.tokens, issued, shown: event.shown };
      const leased = { ...device, lease: event, certificates, toldSince, tokens };
      // An older sync that somebody repeats is answered, which harms nobody, but is no news of the device.
      const news = time > device.heldTime || device.held === undefined;
      return news ? { ...heard(leased, held, at, countsSince), heldTime: time } : leased;
    }
    case "receipt-received":
      return { ...heard(device, event.held, event.at, countsSince), receiptCounter: event.counter };
    case "clone-suspected":
      return device.suspectedAt === undefined ? { ...device, suspectedAt: event.at } : device;
    case "device-vouched":
      return trusted(device);
    case "return-requested":
      return { ...device, comingBack: "asked" };
    case "return-approved":
      return { ...device, comingBack: "approved" };
    case "ticket-issued":
      return { ...device, ticket: event };
    case "device-reenrolled": {
      const { ticket: _used, ...rest } = trusted(device);
      const { superseded = [], key, certificates } = device;
      const replaced = [...superseded, key, ...certificates.map((each) => each.key)];
      return { ...rest, key: event.key, certificates: [], superseded: replaced };
    }
    case "alarm-reported": {
      const alarms = [...device.alarms, { id: event.id, kind: event.kind, at: event.at }];
      return { ...device, alarms, lastAlarmId: Math.max(device.lastAlarmId, event.id) };
    }
  }
}

/** Nobody suspects it any more; whatever its next sync shows, the chain of tokens begins there. */
function trusted({ suspectedAt: _over, ...device }: DeviceView): DeviceView {
  const { issued } = device.tokens;
  return { ...device, tokens: { issued, shown: 0, begun: issued } };
}

function standing(device: DeviceView, holds: readonly Hold<HoldLevel>[], freed?: Freed): DeviceView {
  const level = standingOf(holds, freed);
  const after = { ...device, holds, standing: level, level: higherLevel<Level>(level, device.advised) };
  return freed ? { ...after, freed } : after;
}

/** What it signed that it holds. */
function heard(device: DeviceView, held: HeldFact, at: number, countsSince: number): DeviceView {
  const heldSince = sinceAfter(device.heldSince, device.held, held, at);
  const done = mostDone(device.done, doneSince(held, countsSince));
  return { ...device, held, heldSince, done, lastContactAt: at };
}

/** In a new term of directives: what was asked for before it, and has no receipt, is asked for once. */
export function countedAnew(device: DeviceView): DeviceView {
  const { asked, done } = device;
  const owed = (Object.keys(asked) as ActName[]).filter((name) => (asked[name] ?? 0) > (done[name] ?? 0));
  return { ...device, asked: Object.fromEntries(owed.map((name) => [name, 1])), done: {} };
}
