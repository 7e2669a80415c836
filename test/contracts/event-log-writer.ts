/**
 * A process for event-log.test.ts to kill: appends for two devices at once, and prints a line for each
 * append that was acknowledged. When the disk fails it prints how each kind of request ends, and ends.
 */
import { writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { Position, Subject } from "../../fleet/ports.js";

const PAYLOAD = "x".repeat(20_000);
const SUBJECTS = ["device/1", "device/2"];
const events = [{ type: "test", text: PAYLOAD } as unknown as FleetEvent];

const print = (line: string) => writeSync(1, `${line}\n`);
const code = (error: unknown) => (error as { code: string }).code;

const log = LmdbEventLog.open(process.argv[2]!);
const newest = new Map<Subject, Position>();
for await (const { position, subject } of log.read(0)) newest.set(subject, position);

async function appendUntilItFails(subject: Subject): Promise<string> {
  try {
    for (;;) {
      const position = await log.append(subject, events, newest.get(subject) ?? 0);
      print(`${subject} ${position}`);
      newest.set(subject, position);
    }
  } catch (error) {
    return code(error);
  }
}

print(`waiting: ${(await Promise.all(SUBJECTS.map(appendUntilItFails))).join(" ")}`);
print(`append: ${await log.append("device/3", events, 0).catch(code)}`);
const first = log.read(0)[Symbol.asyncIterator]().next();
print(`read: ${await first.then(() => "a record", code)}`);
await setImmediate(); // a rejection that nobody handles ends the process here
await log.close();
print("closed");
