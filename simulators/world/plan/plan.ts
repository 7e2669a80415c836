/**
 * From a seed to a list of what happens, drawn up before anything does. Each kind draws from a stream of its own, so to
 * leave one deed out changes no other. Each seed leaves out about half of the kinds: what is rare when everything
 * is mixed comes up often in some of the mixtures. Pure.
 */
import type { FleetPolicy } from "../../../fleet/policy.js";
import type { Algorithm } from "../../../protocol/crypto.js";
import type { Weather } from "../network.js";
import { Fortune } from "../random.js";
import type { Span } from "../clocks.js";
import type { Deeds, Deed, Kind } from "./deeds.js";
import { DAY, DRAWS, HOUR } from "./draws.js";

/** What whoever asks for a plan decides; the rest is drawn. */
export interface Wish {
  /** Simulated days, nights apart, in which something happens. */
  readonly days?: number;
  readonly devices?: number;
  readonly algorithm?: Algorithm;
}

export interface Plan {
  readonly seed: string;
  readonly algorithm: Algorithm;
  readonly devices: number;
  readonly gateways: number;
  /** From the first start of the devices to the moment at which everything is mended. */
  readonly lengthMs: number;
  readonly weather: Weather;
  readonly syncMs: Span;
  readonly appendMs: Span;
  readonly policy: Partial<FleetPolicy>;
  /** Time from one message of an application to its next. */
  readonly speaksEveryMs: number;
  /** Ascending by time. */
  readonly deeds: readonly Deed[];
}

const DEVICES: Span = [3, 6];
const GATEWAYS = 2;
/** Most plans are short; one in eight is long. */
const SHORT_DAYS: Span = [10, 24];
const LONG_DAYS: Span = [25, 90];
const LONG_SHARE = 1 / 8;
const KINDS = Object.keys(DRAWS) as readonly Kind[];

/** The same seed and wish give the same plan. */
export function drawPlan(seed: number | string, wish: Wish = {}): Plan {
  const fortune = new Fortune(`${seed}\nplan`);
  const luck = fortune.stream("setting");
  const span = luck.chance(LONG_SHARE) ? LONG_DAYS : SHORT_DAYS;
  const drawnDays = luck.between(...span);
  const drawnDevices = luck.between(...DEVICES);
  const { days = drawnDays, devices = drawnDevices, algorithm = "Ed25519" } = wish;
  const spanMs = days * DAY;
  const drawn = KINDS.flatMap((kind) => drawKind(kind, fortune, spanMs));
  const deeds = withNights(drawn.toSorted((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1)));
  const nightMs = deeds.reduce((sum, deed) => sum + lengthOfNight(deed), 0);
  return {
    seed: String(seed),
    algorithm,
    devices,
    gateways: GATEWAYS,
    deeds,
    lengthMs: spanMs + nightMs,
    weather: { latencyMs: [5, luck.between(20, 2_000)], breaks: luck.chance(0.5) ? 0 : 0.01 },
    syncMs: luck.chance(0.75) ? [0, 0] : [1, 50],
    appendMs: luck.chance(0.5) ? [0, 0] : [1, 20],
    policy: { returns: luck.pick(["accept", "attest", "ask"] as const) },
    speaksEveryMs: luck.between(4 * HOUR, 16 * HOUR),
  };
}

function drawKind<K extends Kind>(kind: K, fortune: Fortune, spanMs: number): readonly Deed[] {
  const { most, share = 1, draw } = DRAWS[kind];
  const luck = fortune.stream(kind);
  if (!luck.chance(0.5) || !luck.chance(share)) return [];
  return Array.from({ length: luck.between(1, most) }, (_, count) => {
    const id = `${kind}-${count + 1}`;
    const own = fortune.stream(id);
    const atMs = own.between(0, spanMs);
    const deed: Deeds[K] = draw(own);
    return { id, kind, atMs, ...deed } as Deed;
  });
}

/** What comes after a night comes later. */
function withNights(deeds: readonly Deed[]): readonly Deed[] {
  let laterMs = 0;
  return deeds.map((deed) => {
    const moved = { ...deed, atMs: deed.atMs + laterMs };
    laterMs += lengthOfNight(deed);
    return moved;
  });
}

function lengthOfNight(deed: Deed): number {
  return deed.kind === "night" ? deed.forMs : 0;
}
