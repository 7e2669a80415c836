/** What the sync bench found, as a table and as missed goals. Pure. */
import { table } from "../docs/markdown.js";
import { median } from "./connect-figures.js";

/** In the order of the table, and of each round. */
export const WAYS = ["bare", "inProcess", "packed", "oneByOne", "hopPacked", "hopOneByOne", "echo"] as const;
export type Way = (typeof WAYS)[number];

export interface SyncRound {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time for each, user and system, microseconds. */
  readonly serverMicros: number;
  /** Absent where no NATS takes part. */
  readonly natsMicros?: number;
  /** Of the process that asks; absent: it is the server's. */
  readonly askerMicros?: number;
}
export type SyncFigures = Readonly<Record<Way, readonly SyncRound[]>>;

/** Syncs in process, in bare verify + sign. */
export const MIN_IN_PROCESS = 0.85;
/** Syncs over NATS with packed requests, in those with one request in each message. */
export const MIN_PACKED = 2;

const NAMES: Readonly<Record<Way, string>> = {
  bare: "bare verify + sign",
  inProcess: "sync, in process",
  packed: "sync through NATS, packed",
  oneByOne: "sync through NATS, one request per message",
  hopPacked: "NATS alone, packed",
  hopOneByOne: "NATS alone, one request per message",
  echo: "bare aedes echo",
};
const HEAD = [
  "What",
  "Per s",
  "Verify + sign = 1",
  "p50 ms",
  "p99 ms",
  "Server CPU µs",
  "nats-server CPU µs",
  "Asker CPU µs",
];
const NONE = "–";

export function syncTable(figures: SyncFigures): string {
  const bare = middle(figures.bare, "perSecond");
  const rows = WAYS.map((way) => {
    const of = (name: "perSecond" | "p50Ms" | "p99Ms") => middle(figures[way], name);
    return [
      NAMES[way],
      of("perSecond").toFixed(0),
      (of("perSecond") / bare).toFixed(2),
      of("p50Ms").toFixed(2),
      of("p99Ms").toFixed(2),
      ...(["serverMicros", "natsMicros", "askerMicros"] as const).map((name) => micros(figures[way], name)),
    ];
  });
  return table(HEAD, rows, [1, 2, 3, 4, 5, 6, 7]);
}

/** Both goals and what came of them. */
export function goalsLine(figures: SyncFigures): string {
  const { inProcess, packed } = ratios(figures);
  return (
    `Goals: in process at least ${MIN_IN_PROCESS} of verify + sign, now ${inProcess.toFixed(2)}; ` +
    `packed at least ${MIN_PACKED} × one request per message, now ${packed.toFixed(2)} ×.`
  );
}

/** Nothing where both goals are met. */
export function missedSyncs(figures: SyncFigures): readonly string[] {
  const { inProcess, packed } = ratios(figures);
  return [
    ...(inProcess < MIN_IN_PROCESS
      ? [`in process: ${inProcess.toFixed(2)} of verify + sign, not ${MIN_IN_PROCESS}`]
      : []),
    ...(packed < MIN_PACKED
      ? [`packed: ${packed.toFixed(2)} × one request per message, not ${MIN_PACKED} ×`]
      : []),
  ];
}

function ratios(figures: SyncFigures) {
  const perSecond = (way: Way) => middle(figures[way], "perSecond");
  return {
    inProcess: perSecond("inProcess") / perSecond("bare"),
    packed: perSecond("packed") / perSecond("oneByOne"),
  };
}

function middle(rounds: readonly SyncRound[], name: "perSecond" | "p50Ms" | "p99Ms"): number {
  return median(rounds.map((round) => round[name]));
}

function micros(rounds: readonly SyncRound[], name: "serverMicros" | "natsMicros" | "askerMicros"): string {
  const known = rounds.flatMap((round) => round[name] ?? []);
  return known.length === 0 ? NONE : median(known).toFixed(0);
}
