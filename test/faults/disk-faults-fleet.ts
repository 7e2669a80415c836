/** The same failures under `daymark server run`, with everybody at work: nobody is deceived, and it ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.js";
import { drawFrom } from "../fuzz/draw.js";
import type { Program } from "../stories/device-process.js";
import { type Faulted, HANGS_MS, inWords, ONE_THREAD } from "./disk-faults.js";
import { EmbeddedLayout } from "./embedded-layout.js";
import type { Reached } from "./fleet-layout.js";
import { FleetLoad } from "./fleet-load.js";
import { LogWatch } from "./log-watch.js";
import { Sailors } from "./sailors.js";
import { type Fault, Strace } from "./strace.js";

const DEVICES = 5;

export async function faultedFleet(program: Program, fault: Fault): Promise<Faulted> {
  const folder = await mkdtemp(join(tmpdir(), "daymark-faults-"));
  const layout = new EmbeddedLayout(program, folder, await freePort(), ONE_THREAD);
  try {
    const reached = await layout.start();
    const sailors = await Sailors.of(reached, DEVICES);
    try {
      return await faulted(layout, reached, sailors, fault, folder);
    } finally {
      await sailors.close();
    }
  } finally {
    await layout.stop();
    await rm(folder, { recursive: true });
  }
}

async function faulted(
  layout: EmbeddedLayout,
  reached: Reached,
  sailors: Sailors,
  fault: Fault,
  folder: string,
): Promise<Faulted> {
  const { server } = layout;
  const [log = ""] = layout.logs;
  const strace = await Strace.attach(server.pid, join(log, "data.mdb"), fault, join(folder, "trace"));
  const load = new FleetLoad(sailors);
  const { rest, refused } = load.begin(reached, drawFrom(fault.nth));
  const complaints: string[] = [];
  if (!(await inTime(refused))) complaints.push("somebody waits for an answer for ever");
  const before = load.told.size;
  // After the first failure nobody is told anything any more, whatever the disk does.
  const later = load.operators(reached, 0).then((operators) => operators.hold(sailors.numbers, "isolate"));
  if (!(await inTime(later.catch(() => undefined)))) complaints.push("a later request is not answered");
  if (load.told.size > before) complaints.push("a later request was accepted");
  if ((await strace.end()) === 0) complaints.push("nothing was injected");
  if (!(await inTime(server.ended))) complaints.push("it refuses, and does not end");
  const { exitCode, signal } = await server.kill();
  if (exitCode === null || exitCode === 0)
    complaints.push(`it ended with ${exitCode ?? signal}: ${server.stderr}`);
  await rest();
  const watch = new LogWatch(log, (record) => sailors.hear(record));
  await watch.read();
  const judge = await load.gather();
  const lost = [...load.told].filter((fact) => !watch.facts.has(fact));
  complaints.push(...lost.map((fact) => `not in the log: ${fact}`), ...watch.complaints, ...judge());
  return { fault: inWords(fault), acknowledged: load.told.size, complaints };
}

/** False when it takes so long that it hangs. */
async function inTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, HANGS_MS, false)));
  const done = work.then(() => true);
  const isInTime = await Promise.race([done, late]);
  clearTimeout(timer);
  return isInTime;
}
