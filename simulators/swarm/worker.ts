/** A process of its own that plays devices: it does what its parent asks, and ends with it. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Crew } from "./crew.js";
import type { FromWorker, Order, Orders } from "./messages.js";
import { openFileLimit } from "./processes.js";

/** How often it tells how its devices are. */
const TELL_MS = 200;
const NANOSECONDS = 1e6;

const crew = new Crew();
const delay = monitorEventLoopDelay();

const carryOut: { readonly [K in keyof Orders]: (order: Parameters<Orders[K]>[0]) => unknown } = {
  take: async ({ members }) => {
    for (const { line, way } of members) await crew.add(line, way);
  },
  start({ perSecond }) {
    delay.enable();
    crew.start(perSecond);
  },
  publish: ({ numbers, text }) => crew.publish(numbers, text),
  reconnect: ({ numbers }) => crew.reconnect(numbers),
  mark() {
    delay.reset();
    crew.mark();
  },
  sightings: () => crew.sightings(),
  timings: () => ({
    lease: crew.timings.lease.encode(),
    publish: crew.timings.publish.encode(),
    lateMs: delay.max / NANOSECONDS,
  }),
  close: () => crew.close(),
  write: ({ from, count }) => crew.write(from, count),
};

process.on("message", (message: Order) => {
  void answer(message);
});
process.on("disconnect", () => process.exit()); // the parent is gone, and so is all that this is for
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined); // the parent decides
setInterval(tellCounts, TELL_MS);
const openFiles = await openFileLimit();
tell({ type: "ready", ...(openFiles !== undefined && { openFiles }) });

async function answer<K extends keyof Orders>({ id, type, order }: Order<K>): Promise<void> {
  try {
    const value = await carryOut[type](order);
    tellCounts(); // before the answer, so that whoever waits for it sees no older ones
    tell({ type: "answer", id, value });
  } catch (error) {
    tell({ type: "refused", id, why: error instanceof Error ? error.message : String(error) });
  }
}

function tellCounts(): void {
  tell({ type: "counts", counts: crew.counts() });
}

function tell(message: FromWorker): void {
  process.send?.(message, undefined, {}, () => undefined); // nobody to tell: `disconnect` follows
}
