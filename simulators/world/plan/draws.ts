/** How each kind of deed is drawn: how often at most in one plan, and with what. Pure. */
import type { HoldLevel } from "../../../protocol/level.js";
import type { Luck } from "../random.js";
import { type Deeds, GATEWAY_TRICKS, type Kind } from "./deeds.js";

interface Draw<D> {
  /** At most this many in one plan. */
  readonly most: number;
  /** Of the plans that may have it, the share that does; absent: all. */
  readonly share?: number;
  readonly draw: (luck: Luck) => D;
}

const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Places are drawn from so many, and taken modulo what there is. */
const PLACES = 60;
const PPM = 300;
/** Dates that machines without a clock battery show, and worse. */
const BOOTS = [0, Date.UTC(2005, 0, 1), Date.UTC(2038, 0, 19, 3, 14, 8), Date.UTC(2100, 0, 1)] as const;
const RAISED = ["observe", "restrict", "isolate"] as const satisfies readonly HoldLevel[];
const LEFT = ["none", "none", "observe"] as const satisfies readonly HoldLevel[];
/** The second one speaks of what nobody can know of most devices, so it matches them. */
const MATCHES = ['model = "camera"', "firmware < 3.0.0", 'model = "pump"'] as const;

const place = (luck: Luck) => luck.between(0, PLACES - 1);
const places = (luck: Luck) => Array.from({ length: luck.between(1, 3) }, () => place(luck));
const onDevice = (luck: Luck) => ({ device: place(luck) });
const lasting = (luck: Luck, leastMs: number, mostMs: number) => ({ forMs: luck.between(leastMs, mostMs) });
const either = (luck: Luck, ms: number) => luck.between(-ms, ms);

/** How long a gateway shows a wrong date: meanwhile all that come to it come again every few minutes. */
const wrong = (luck: Luck) => luck.between(10 * MINUTE, 3 * HOUR);

/** Hours, or days for one of four. */
function dark(luck: Luck) {
  const darkMs = luck.chance(0.25) ? luck.between(DAY, 40 * DAY) : luck.between(MINUTE, 20 * HOUR);
  const shows = luck.chance(0.5) ? { showsMs: luck.pick(BOOTS) } : {};
  return { device: place(luck), darkMs, driftPpm: either(luck, PPM), ...shows };
}

export const DRAWS: { readonly [K in Kind]: Draw<Deeds[K]> } = {
  partition: {
    most: 5,
    draw: (luck) => ({
      fleet: luck.chance(0.25),
      devices: places(luck),
      gateways: luck.chance(0.5) ? [0, 1, 2] : [place(luck)],
      ...lasting(luck, MINUTE, luck.chance(0.2) ? 2 * DAY : 8 * HOUR),
      ...(luck.chance(0.5) && { way: luck.pick(["up", "down"] as const) }),
    }),
  },
  storm: {
    most: 3,
    draw: (luck) => ({
      latencyMs: [luck.between(5, 500), luck.between(500, 30 * SECOND)],
      breaks: luck.between(0, 30) / 100,
      ...lasting(luck, HOUR, 12 * HOUR),
    }),
  },
  break: {
    most: 6,
    draw: (luck) => ({
      device: place(luck),
      knows: luck.pick([["device", "gateway"], ["device"], ["gateway"], []] as const),
    }),
  },
  "gateway-stop": {
    most: 4,
    draw: (luck) => ({
      gateway: place(luck),
      how: luck.pick(["process", "power"] as const),
      ...lasting(luck, MINUTE, DAY),
      offMs: luck.chance(0.3) ? either(luck, 3 * YEAR) : 0,
      wrongMs: wrong(luck),
    }),
  },
  "gateway-clock": {
    most: 2,
    draw: (luck) => ({ gateway: place(luck), byMs: either(luck, 2 * YEAR), forMs: wrong(luck) }),
  },
  "fleet-kill": {
    most: 5,
    draw: (luck) => ({ appends: luck.between(0, 6), ...lasting(luck, MINUTE, 8 * HOUR) }),
  },
  "fleet-clock": {
    most: 2,
    draw: (luck) => ({ byMs: either(luck, 2 * HOUR), ...lasting(luck, MINUTE, DAY) }),
  },
  "fleet-restore": {
    most: 2,
    draw: (luck) => ({ records: luck.between(1, 12), ...lasting(luck, MINUTE, 2 * HOUR) }),
  },
  "power-cut": { most: 8, draw: (luck) => ({ ...dark(luck), steps: luck.between(0, 24) }) },
  "power-off": { most: 5, draw: dark },
  night: { most: 1, share: 0.5, draw: (luck) => lasting(luck, 10 * DAY, 400 * DAY) },
  "clock-jump": { most: 4, draw: (luck) => ({ device: place(luck), byMs: either(luck, 10 * YEAR) }) },
  rot: {
    most: 3,
    draw: (luck) => ({ device: place(luck), file: place(luck), keys: luck.chance(0.1) }),
  },
  "disk-fault": {
    most: 3,
    draw: (luck) => ({
      device: place(luck),
      fault: luck.pick(["reads", "writes", "full"] as const),
      ...lasting(luck, MINUTE, 2 * DAY),
    }),
  },
  restore: {
    most: 3,
    draw: (luck) => ({ device: place(luck), ageMs: luck.between(MINUTE, 6 * DAY), whole: luck.chance(0.5) }),
  },
  hold: { most: 5, draw: (luck) => ({ devices: places(luck), level: luck.pick(RAISED) }) },
  release: { most: 5, draw: (luck) => ({ devices: places(luck), level: luck.pick(LEFT) }) },
  revoke: { most: 1, share: 0.3, draw: onDevice },
  advise: { most: 2, draw: (luck) => ({ level: luck.pick(RAISED), match: luck.pick(MATCHES) }) },
  unadvise: { most: 3, draw: (luck) => ({ entry: place(luck) }) },
  count: {
    most: 4,
    draw: (luck) => ({
      device: place(luck),
      count: luck.pick(["rekey", "reboot", "attest", "wipe"] as const),
    }),
  },
  authority: {
    most: 2,
    draw: (luck) => ({
      terms: luck.pick([
        ["directive"],
        ["advisory"],
        ["ledger"],
        ["time"],
        ["directive", "advisory"],
      ] as const),
    }),
  },
  rotate: {
    most: 2,
    draw: (luck) => ({ role: luck.pick(["hold", "release", "lease", "ledger"] as const) }),
  },
  vouch: { most: 3, draw: onDevice },
  readmit: { most: 2, draw: onDevice },
  ticket: { most: 2, draw: (luck) => ({ device: place(luck), afterMs: luck.between(0, 9 * DAY) }) },
  birth: { most: 1, draw: (luck) => ({ model: luck.pick(["camera", "pump"] as const) }) },
  rebirth: {
    most: 2,
    share: 0.6,
    draw: (luck) => ({ device: place(luck), keepsKeys: luck.chance(0.4) }),
  },
  meeting: { most: 8, draw: (luck) => ({ one: place(luck), other: place(luck) }) },
  stick: {
    most: 4,
    draw: (luck) => ({
      device: place(luck),
      outMs: luck.between(MINUTE, 3 * DAY),
      backMs: luck.between(MINUTE, 10 * DAY),
    }),
  },
  replay: { most: 6, draw: (luck) => ({ device: place(luck), items: luck.between(1, 12) }) },
  forge: { most: 4, draw: (luck) => ({ device: place(luck), items: luck.between(1, 8) }) },
  foreign: { most: 3, draw: onDevice },
  "old-key": { most: 3, draw: onDevice },
  "stolen-hold": {
    most: 2,
    draw: (luck) => ({
      device: place(luck),
      level: luck.pick(RAISED),
      ahead: luck.pick([1, 1_000, 2 ** 40]),
    }),
  },
  clone: { most: 2, draw: (luck) => ({ device: place(luck), ...lasting(luck, HOUR, 12 * HOUR) }) },
  "bad-gateway": {
    most: 2,
    draw: (luck) => ({
      gateway: place(luck),
      tricks: GATEWAY_TRICKS.filter(() => luck.chance(0.5)),
      often: luck.between(5, 60) / 100,
      ...lasting(luck, HOUR, 3 * DAY),
    }),
  },
  "bad-peer": {
    most: 3,
    draw: (luck) => ({
      device: place(luck),
      says: luck.pick(["junk", "old", "huge", "nothing"] as const),
    }),
  },
};
