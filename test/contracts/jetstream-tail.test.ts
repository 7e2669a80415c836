/** How one worker's tail takes what a consumer brings: records that are still on their way into its copy count too. */
import { createInbox, type NatsConnection } from "nats";
import { afterEach, beforeEach, expect, test } from "vitest";
import { consumerAfter, deliveries } from "../../fleet/adapters/jetstream-deliveries.js";
import { History } from "../../fleet/adapters/jetstream-history.js";
import { type End, NO_END, readMessage, writeMessage } from "../../fleet/adapters/jetstream-message.js";
import { streamSettings } from "../../fleet/adapters/jetstream-stream.js";
import { Tail } from "../../fleet/adapters/jetstream-tail.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft } from "../../fleet/adapters/record-chain.js";
import type { FleetError } from "../../fleet/errors.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { Position, Subject } from "../../fleet/ports.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { NatsServer } from "../nats/server.js";
import { event } from "./event-log-reader.js";

const STREAM = "log";
const RECORDS = 10;

let server: NatsServer;
let nats: NatsConnection;
beforeEach(async () => {
  server = await NatsServer.start();
  nats = await connectNats({ servers: [server.url], name: "test" });
  await (await nats.jetstreamManager()).streams.add(streamSettings(STREAM, 1));
});
afterEach(async () => {
  await nats.close();
  await server.remove();
});

/** Records of as many subjects. @param knewOf - the place that the writer of the n-th knew. */
async function write(knewOf: (n: number) => number): Promise<void> {
  const [history, ends]: [History, End[]] = [new History(), [NO_END]];
  for (let n = 1; n <= RECORDS; n++) {
    const knew = ends[knewOf(n)] ?? NO_END;
    const message = writeMessage(STREAM, draft(`device/${n}`, [event("a")]), 0, knew, `${n}`);
    history.accept(readMessage(STREAM, { sequence: n, ...message }), knew.hash);
    ends.push(history.end);
    await nats.jetstream().publish(message.subject, message.payload, { headers: message.headers });
  }
}

/** On a disk that syncs the first so many records all at once, and late. */
class SlowCopy extends MemoryEventLog {
  readonly #synced: Promise<void>;
  #sync = (): void => undefined;
  #left: number;

  constructor(count: number) {
    super();
    this.#left = count;
    this.#synced = new Promise((resolve) => (this.#sync = resolve));
  }

  override async append(...record: [Subject, readonly FleetEvent[], Position]): Promise<Position> {
    this.#left -= 1;
    if (this.#left === 0) setImmediate(this.#sync);
    await this.#synced;
    return super.append(...record);
  }
}

test("P3: a writer that lagged is judged by records that are on their way to the disk as by any others", async () => {
  await write((n) => (n === RECORDS ? 3 : n - 1));
  const history = new History(4); // hashes that are kept beside the copy
  const failures: FleetError[] = [];
  const pair = { nats, stream: STREAM, copy: new SlowCopy(RECORDS - 1), history };
  const tail = new Tail(pair, systemClock, {
    taken: () => undefined,
    interrupted: () => undefined,
    failed: (failure) => failures.push(failure),
  });
  await tail.caughtUp();
  expect([failures, history.end.position]).toEqual([[], RECORDS]);
  await tail.end();
});

test("what a stranger sends to the tail's inbox is passed over", async () => {
  const inbox = createInbox();
  const subscription = nats.subscribe(inbox);
  const manager = await nats.jetstreamManager();
  await manager.consumers.add(STREAM, consumerAfter(0, inbox));
  nats.publish(inbox, "not of a stream");
  await nats.flush();
  await write((n) => n - 1);
  const brought: number[] = [];
  for await (const { sequence } of deliveries(
    nats,
    subscription,
    () => undefined,
    () => Promise.resolve(),
  )) {
    brought.push(sequence);
    if (brought.length === RECORDS) break;
  }
  expect(brought).toEqual(Array.from({ length: RECORDS }, (_, i) => i + 1));
});
