/**
 * Events appended per second, each answered before its writer goes on: the event logs beside the bare stores below
 * them, in turn, in the same run.
 *
 *     npm run bench:append [-- --runs 5 --seconds 1 -j]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "nats";
import { table } from "../docs/markdown.js";
import { NatsServer } from "../nats/server.js";
import { type AppendStore, appendStores } from "./append-stores.js";
import { median } from "./connect-figures.js";
import { giveOut } from "./output.js";

const WRITERS = [1, 64] as const;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    json: { type: "boolean", short: "j", default: false },
  },
});
const [runs, seconds] = [Number(values.runs), Number(values.seconds)];
/** Appends per second by run, of each store with each number of writers. */
const measured = new Map<string, readonly number[]>();
const folder = await mkdtemp(join(tmpdir(), "daymark-append-"));
const server = await NatsServer.start();
const nats = await connect({ servers: server.url });
const stores = await appendStores(folder, nats);
try {
  for (const store of stores) await appendsPerSecond(store, 1); // code is compiled, files have their first pages
  for (let run = 0; run < runs; run++)
    for (const store of stores)
      for (const writers of WRITERS) {
        const before = runsOf(store.name, writers);
        measured.set(keyOf(store.name, writers), [...before, await appendsPerSecond(store, writers)]);
      }
} finally {
  for (const store of stores) await store.close();
  await nats.close();
  await server.remove();
  await rm(folder, { recursive: true });
}
const head = ["What", ...WRITERS.flatMap((writers) => [`${inWords(writers)}, per s`, "Bare = 1"])];
const rows = stores.map(({ name, below }) => [
  name,
  ...WRITERS.flatMap((writers) => {
    const [ours, bare] = [runsOf(name, writers), runsOf(below, writers)];
    const ratios = ours.map((perSecond, run) => perSecond / (bare[run] ?? 0)); // of one run: the machine is not always alike
    return [median(ours).toFixed(0), median(ratios).toFixed(2)];
  }),
]);
const size = `Medians of ${runs} runs of ${seconds} s each, in turn.`;
giveOut("append", [table(head, rows, [1, 2, 3, 4]), size], { runs, seconds, measured: [...measured] }, []);

async function appendsPerSecond(store: AppendStore, writers: number): Promise<number> {
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  let appended = 0;
  const write = async (writer: number) => {
    for (; performance.now() < end; appended++) await store.append(writer);
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return (appended * 1_000) / (performance.now() - begun);
}

function runsOf(name: string, writers: number): readonly number[] {
  return measured.get(keyOf(name, writers)) ?? [];
}

function keyOf(name: string, writers: number): string {
  return `${name}, ${inWords(writers)}`;
}

function inWords(writers: number): string {
  return writers === 1 ? "1 writer" : `${writers} writers`;
}
