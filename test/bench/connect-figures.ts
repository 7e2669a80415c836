/** What the connect bench found, set beside bare Node, as a table and as missed targets. Pure. */
import { table } from "../docs/markdown.js";

/** In the order of the table. */
export const SERVERS = ["node", "node-no-tickets", "mosquitto", "aedes", "gateway"] as const;
export type ServerKind = (typeof SERVERS)[number];

/** One round of connects, each of them counted from the first packet to the last one of its end. */
export interface Round {
  /** Server CPU per connect, milliseconds. */
  readonly cpuMs: number;
  /** As they came about, both ends on this machine. */
  readonly perSecond: number;
}

export interface Figures {
  readonly server: ServerKind;
  readonly full: readonly Round[];
  /** Empty where the server resumes nothing. */
  readonly resumed: readonly Round[];
}

/** Server CPU per full connect, in those of bare Node. */
export const MAX_FULL_RATIO = 1.7;
const GOAL_FULL_RATIO = 1.3;
/** Resumed connects in the CPU time of a full one. */
export const MIN_RESUMED_RATIO = 1.8;

const NAMES: Record<ServerKind, string> = {
  node: "bare Node TLS",
  "node-no-tickets": "bare Node TLS without tickets",
  mosquitto: "mosquitto",
  aedes: "bare aedes on Node TLS",
  gateway: "Daymark's gateway",
};
const HEAD = [
  "Server",
  "Full, bare Node = 1",
  "Resumed, bare Node = 1",
  "Resumed per full",
  "Full, CPU ms",
  "Resumed, CPU ms",
  "Full/s",
  "Resumed/s",
];
const NONE = "–";

export function connectTable(all: readonly Figures[]): string {
  const bare = ofServer(all, "node");
  const rows = all.map((figures) => {
    const { server, full, resumed } = figures;
    const some = resumed.length > 0;
    return [
      NAMES[server],
      times(cpu(full) / cpu(bare.full)),
      some ? times(cpu(resumed) / cpu(bare.resumed)) : NONE,
      some ? times(cpu(full) / cpu(resumed)) : NONE,
      spread(full),
      some ? spread(resumed) : NONE,
      rate(full),
      some ? rate(resumed) : NONE,
    ];
  });
  return table(HEAD, rows, [1, 2, 3, 4, 5, 6, 7]);
}

/** What our gateway owes, in words; nothing where it keeps every target. */
export function missedConnects(all: readonly Figures[]): readonly string[] {
  const [bare, ours] = [ofServer(all, "node"), ofServer(all, "gateway")];
  const full = cpu(ours.full) / cpu(bare.full);
  const resumed = ours.resumed.length === 0 ? 0 : cpu(ours.full) / cpu(ours.resumed);
  return [
    ...(full > MAX_FULL_RATIO
      ? [
          `a full connect costs ${times(full)} × bare Node, ${times(full - MAX_FULL_RATIO)} above ${MAX_FULL_RATIO}`,
        ]
      : []),
    ...(resumed < MIN_RESUMED_RATIO
      ? [
          `${times(resumed)} resumed connects for the CPU of a full one, ${times(MIN_RESUMED_RATIO - resumed)} below ${MIN_RESUMED_RATIO}`,
        ]
      : []),
  ];
}

/** How far our gateway is from where it wants to be. */
export function goalLine(all: readonly Figures[]): string {
  const ratio = cpu(ofServer(all, "gateway").full) / cpu(ofServer(all, "node").full);
  return `Goal for a full connect: ${GOAL_FULL_RATIO} × bare Node; now ${times(ratio)} ×.`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new RangeError("a median of nothing");
  return (low + high) / 2;
}

function ofServer(all: readonly Figures[], server: ServerKind): Figures {
  const found = all.find((figures) => figures.server === server);
  if (!found) throw new RangeError(`nothing was measured of ${NAMES[server]}`);
  return found;
}

function cpu(rounds: readonly Round[]): number {
  return median(rounds.map(({ cpuMs }) => cpuMs));
}

function rate(rounds: readonly Round[]): string {
  return String(Math.round(median(rounds.map(({ perSecond }) => perSecond))));
}

/** Median, and the smallest and largest round. */
function spread(rounds: readonly Round[]): string {
  const all = rounds.map(({ cpuMs }) => cpuMs);
  return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)})`;
}

function times(value: number): string {
  return value.toFixed(2);
}
