/** A stream that two workers share, to be lost, cut or put back, and mended with `daymark recover --nats`. */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "nats";
import { afterEach, beforeEach, expect } from "vitest";
import { ClosedStream } from "../../fleet/adapters/jetstream-closed.js";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { readWorkerId } from "../../fleet/adapters/worker-file.js";
import { recover } from "../../fleet/cli/commands/recover.js";
import { onStream } from "../../fleet/cli/recover-place.js";
import type { FleetEvent } from "../../fleet/events.js";
import { type Fleet, openFleet } from "../../fleet/main.js";
import type { EventLog, LogRecord } from "../../fleet/ports.js";
import { type ClosedLog, stateOf } from "../../fleet/recovery/closed-log.js";
import { refill } from "../../fleet/recovery/refill.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { NatsServer } from "../nats/server.js";
import { must } from "./fixtures.js";
import { inProcess } from "./in-process.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

export const STREAM = "daymark-log";
const COMMON = ["--replicas", "1", "--accept-log-loss", "--reason", "the stream was lost"] as const;
export const wanted = { stream: STREAM, replicas: 1, acceptLogLoss: true } as const;
export let server: NatsServer;
export let nats: NatsConnection;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const open: Fleet[] = [];
export const at = (...path: string[]) => join(folder.path, ...path);

/** A worker of the fleet, on its own folder. */
export async function work(name: string): Promise<Fleet> {
  const log = (copy: EventLog, worker: string, mayMake: boolean) =>
    JetStreamEventLog.open({ nats, copy, worker, mayMake, clock: systemClock, ...wanted });
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy, shared: { worker: name, open: log } };
  const fleet = await openFleet({ folder: at(name, "fleet"), name: "harbour", ...parts });
  open.push(fleet);
  return fleet;
}
export async function stop(): Promise<void> {
  for (const fleet of open.splice(0)) await fleet.close();
}
export const hold = ({ service }: Fleet, number: number) =>
  service.act({ kind: "hold", numbers: [number], level: "isolate", reason: "stolen" }, "admin");
/** @param servers - that it is told. */
export const mendThrough = (servers: string, name: string, ...args: readonly string[]) =>
  inProcess({ recover }, at(name), ["recover", "--nats", servers, ...COMMON, ...args]);
export const mendAt = (name: string, ...args: readonly string[]) => mendThrough(server.url, name, ...args);
export const mend = (...args: readonly string[]) => mendAt("a", ...args);
export const idOf = async (name: string) => must(await readWorkerId(at(name, "fleet")));
export const stream = () => new ClosedStream({ nats, clock: systemClock, ...wanted });

export async function eventsOf(log: Pick<ClosedLog, "read">): Promise<readonly FleetEvent[]> {
  const events: FleetEvent[] = [];
  for await (const record of log.read(0)) events.push(...record.events);
  return events;
}
export async function hashesOf(log: Pick<ClosedLog, "read">): Promise<readonly string[]> {
  const records: LogRecord[] = [];
  for await (const record of log.read(0)) records.push(record);
  return records.map(({ hash }) => hash);
}
export async function copyOf(name: string): Promise<readonly string[]> {
  const copy = LmdbEventLog.open(at(name, "fleet", "log"));
  try {
    return await hashesOf(copy);
  } finally {
    await copy.close();
  }
}

/** Before each test two workers; the second one has written last, and the first has not heard of it. */
export function withTwoWorkers(): void {
  beforeEach(async () => {
    server = await NatsServer.start();
    folder = await temporaryFolder();
    nats = await connectNats({ servers: [server.url], name: "test" });
    const a = await work("a");
    await importDevices(a.service, 1, 2);
    await hold(a, 1);
    await stop();
    await mkdir(at("b"));
    await cp(at("a", "fleet", "keys"), at("b", "fleet", "keys"), { recursive: true });
    await hold(await work("b"), 2);
    await stop();
  });
  afterEach(async () => {
    await stop();
    await nats.close();
    await server.remove();
    await folder.remove();
  });
}

/** Gone from its servers. */
export async function loseStream(): Promise<void> {
  const manager = await nats.jetstreamManager();
  await manager.streams.delete(STREAM);
}

/** As after a restore of the servers' disks. */
export async function cutTo(count: number): Promise<void> {
  const copy = LmdbEventLog.open(at("b", "fleet", "log"));
  const first: ClosedLog = {
    append: () => Promise.reject(new Error("only read")),
    async *read(from) {
      for await (const record of copy.read(from)) if (record.position <= count) yield record;
    },
  };
  await loseStream();
  const fresh = stream();
  await fresh.make(count);
  expect(await refill(fresh, first)).toBe(count);
  await fresh.finish();
  await copy.close();
}

/** As after a restore, and the stream has said something since. */
export async function putBack(): Promise<void> {
  await cutTo(6);
  const { ends } = await stateOf(stream(), nodeCrypto);
  const said = { type: "checkpoint-signed", size: 1, root: "AA", note: "", at: 1, actor: "fleet" } as const;
  await stream().append("fleet", [said], ends.get("fleet") ?? 0);
}

/** `daymark recover` in the folder of worker a, that is stopped after so many records. @param source - has the copy. */
export async function stopAfter(count: number, source = "b"): Promise<void> {
  const { end } = await stateOf(stream(), nodeCrypto);
  const copy = LmdbEventLog.open(at(source, "fleet", "log"));
  const place = await onStream({ servers: [server.url], name: "test" }, wanted, at("a", "fleet"));
  let left = count;
  const half = async (log: ClosedLog) => {
    const append: ClosedLog["append"] = (...record) =>
      left-- > 0 ? log.append(...record) : Promise.reject(new Error("stopped"));
    await refill({ read: (from) => log.read(from), append }, copy);
    throw new Error("stopped");
  };
  const aside = end > 0 ? await place.asideFor(6, end) : undefined;
  const until = (await hashesOf(copy)).length + 1;
  await expect(place.mend(half, { aside, until })).rejects.toThrow("stopped");
  await place.close();
  await copy.close();
}
export const kept = async () =>
  (await readdir(at("a", "fleet"))).filter((name) => name.startsWith("stream.before-"));
