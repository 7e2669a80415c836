/** What `bench:append` appends to: the fleet's event logs, and below each the bare store with the same bytes. */
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import type { NatsConnection } from "nats";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, Position } from "../../fleet/ports.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";

/** One that takes records; each writer waits for the answer to its last one. */
export interface AppendStore {
  readonly name: string;
  /** The bare store that it is compared with. */
  readonly below: string;
  /** Resolves when the next record of this writer is durable, or as good as the store makes it. */
  append(writer: number): Promise<unknown>;
  close(): Promise<void>;
}

/** About what a lease makes. */
const EVENT_BYTES = 1_000;
const event = { type: "test", text: "x".repeat(EVENT_BYTES) } as unknown as FleetEvent;
/** As much as a record of the log, chain and subject included. */
const RECORD = "x".repeat(EVENT_BYTES + 250);

const LMDB = "bare lmdb, one put in each transaction";
const JETSTREAM = "bare JetStream publish";

/** Each in a folder of its own below `folder`. */
export async function appendStores(folder: string, nats: NatsConnection): Promise<readonly AppendStore[]> {
  const copy = LmdbEventLog.open(join(folder, "copy"));
  const wanted = { stream: "bench", replicas: 1, acceptLogLoss: true };
  const worker = { nats, copy, worker: "0123456789abcdef", clock: systemClock };
  return [
    transactions(join(folder, "transactions")),
    puts(join(folder, "puts")),
    ofLog("LmdbEventLog", LMDB, LmdbEventLog.open(join(folder, "log"))),
    await publishes(nats),
    ofLog("JetStreamEventLog", JETSTREAM, await JetStreamEventLog.open({ ...wanted, ...worker })),
  ];
}

function ofLog(name: string, below: string, log: EventLog): AppendStore {
  const ends = new Map<number, Position>();
  return {
    name,
    below,
    async append(writer) {
      ends.set(writer, await log.append(`device/${writer}`, [event], ends.get(writer) ?? 0));
    },
    close: () => log.close(),
  };
}

/** The way of LmdbEventLog, without what makes a log of it. */
function transactions(folder: string): AppendStore {
  const root = database(folder, { overlappingSync: false, eventTurnBatching: false });
  let key = 0;
  return {
    name: LMDB,
    below: LMDB,
    append: () => root.childTransaction(() => root.putSync(++key, RECORD)),
    close: () => root.close(),
  };
}

/** The way that lmdb recommends: it batches by itself, and says later when all is synced. */
function puts(folder: string): AppendStore {
  const root = database(folder, {});
  let key = 0;
  return {
    name: "bare lmdb, put, then flushed",
    below: LMDB,
    async append() {
      await root.put(++key, RECORD);
      await root.flushed;
    },
    close: () => root.close(),
  };
}

function database(folder: string, options: object): RootDatabase<string, number> {
  return open<string, number>(folder, {
    noSubdir: false,
    encoding: "string",
    keyEncoding: "uint32",
    cache: false,
    ...options,
  });
}

/** Answered by nats-server, which has not synced it by then. */
async function publishes(nats: NatsConnection): Promise<AppendStore> {
  const manager = await nats.jetstreamManager();
  await manager.streams.add({ name: "bare", subjects: ["bare.>"] });
  const stream = nats.jetstream();
  return {
    name: JETSTREAM,
    below: JETSTREAM,
    append: (writer) => stream.publish(`bare.${writer}`, Buffer.from(RECORD)),
    close: async () => undefined,
  };
}
