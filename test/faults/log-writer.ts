/**
 * A process to be cut off: appends random records for several subjects at once, and prints a line for each that was
 * acknowledged. It begins when it is told to; when an append fails, it prints how that one and a later one end.
 *
 *     log-writer.ts lmdb|unsynced <folder>
 *     log-writer.ts jetstream <folder of the copy> <address of nats-server>
 *
 * "unsynced" acknowledges what was only handed to the operating system. With it a power cut must lose something, or
 * the cuts show nothing.
 */
import { randomBytes, randomInt } from "node:crypto";
import { writeSync } from "node:fs";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { open } from "lmdb";
import { connect } from "nats";
import { JetStreamEventLog } from "../../fleet/adapters/jetstream-event-log.js";
import { chainHash, draft, sealRecord } from "../../fleet/adapters/record-chain.js";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog, Position, Subject } from "../../fleet/ports.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { acknowledged } from "./log-records.js";

type Appends = Pick<EventLog, "append">;

const SUBJECTS = Array.from({ length: 8 }, (_, i) => `device/${i + 1}`);
/** Most fit into a page of the store; one in so many goes over several. */
const [SMALL_BYTES, LARGE_BYTES, ONE_LARGE_IN] = [1_200, 20_000, 20];

const [store, folder = "", address = ""] = process.argv.slice(2);
const print = (line: string) => writeSync(1, `${line}\n`);
const code = (error: unknown) => (error as { code: string }).code;
const ends = new Map<Subject, Position>();
const log = store === "unsynced" ? unsynced() : await synced();

print("ready");
await once(process.stdin, "data");
const failures = await Promise.all(SUBJECTS.map(appendUntilItFails));
print(`failed: ${[...new Set(failures)].join(" ")}`);
print(`later: ${await log.append("fleet", someEvents(), 0).then(() => "accepted", code)}`);
await setImmediate(); // a rejection that nobody handles ends the process here
process.exit();

async function appendUntilItFails(subject: Subject): Promise<string> {
  try {
    for (;;) {
      const events = someEvents();
      const position = await log.append(subject, events, ends.get(subject) ?? 0);
      ends.set(subject, position);
      print(acknowledged({ position, subject, events }));
    }
  } catch (error) {
    return code(error);
  }
}

function someEvents(): readonly FleetEvent[] {
  const most = randomInt(ONE_LARGE_IN) === 0 ? LARGE_BYTES : SMALL_BYTES;
  return [
    { type: "test", text: randomBytes(randomInt(1, most)).toString("base64") } as unknown as FleetEvent,
  ];
}

async function synced(): Promise<Appends> {
  const copy = LmdbEventLog.open(folder);
  const opened = store === "jetstream" ? await onStream(copy) : copy;
  for await (const { position, subject } of opened.read(0)) ends.set(subject, position);
  return opened;
}

async function onStream(copy: EventLog): Promise<EventLog> {
  const nats = await connect({ servers: address });
  const parts = { nats, stream: "power", copy, worker: "0123456789abcdef", clock: systemClock };
  return JetStreamEventLog.open({ ...parts, acceptLogLoss: true, replicas: 1 });
}

/** The same records in the same place, without a sync. */
function unsynced(): Appends {
  const root = open(folder, { noSubdir: false, maxDbs: 2, encoding: "string", noSync: true });
  const records = root.openDB<string, Position>({
    name: "records",
    encoding: "string",
    keyEncoding: "uint32",
  });
  let end = 0;
  let previous = chainHash(undefined);
  return {
    async append(subject, events) {
      const text = sealRecord(end + 1, draft(subject, events), previous);
      previous = chainHash(text);
      await records.put(++end, text);
      return end;
    },
  };
}
