/** What a record is as a message, which messages are none, and which record follows a history. */
import fc from "fast-check";
import { headers } from "nats";
import { describe, expect, test } from "vitest";
import { History } from "../../fleet/adapters/jetstream-history.js";
import {
  type End,
  natsSubject,
  NO_END,
  OtherHistory,
  type RecordMessage,
  readMessage,
  type StoredMessage,
  writeMessage,
} from "../../fleet/adapters/jetstream-message.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft } from "../../fleet/adapters/record-chain.js";
import { event, everything } from "./event-log-reader.js";

const STREAM = "log";
const KNEW: End = { position: 3, hash: "ab".repeat(32) };

/** As it comes back from the stream. */
function stored(sequence: number, change: Partial<StoredMessage> = {}): StoredMessage {
  const message = writeMessage(STREAM, draft("device/7", [event("a")]), 2, KNEW, "id");
  return { sequence, ...message, ...change };
}
function without(name: string, value?: string): StoredMessage {
  const message = stored(4);
  message.headers!.delete(name);
  if (value !== undefined) message.headers!.set(name, value);
  return message;
}
const text = (payload: string): StoredMessage => stored(4, { payload: Buffer.from(payload) });

test("a record comes back as it was written", () => {
  const read = readMessage(STREAM, stored(4));
  expect(read).toEqual({
    position: 4,
    draft: draft("device/7", [event("a")]),
    events: [event("a")],
    expected: 2,
    knew: KNEW,
    id: "id",
  });
});

test("any events come back with the same JSON, and so with the same hash", () => {
  fc.assert(
    fc.property(fc.array(fc.object(), { minLength: 1, maxLength: 3 }), (events) => {
      const accepted = draft("fleet", events as never);
      const message = writeMessage(STREAM, accepted, 0, NO_END, "id");
      expect(readMessage(STREAM, { sequence: 1, ...message }).draft).toEqual(accepted);
    }),
  );
});

test("no two subjects become one, and none has a meaning for NATS", () => {
  const subject = fc.stringMatching(/^[\x21-\x7e]{1,12}$/);
  expect(natsSubject(STREAM, "device/7")).toBe("log.device.7");
  expect(natsSubject(STREAM, "a.*/>=")).toBe("log.a=2e=2a.=3e=3d");
  fc.assert(
    fc.property(subject, subject, (one, other) => {
      expect(natsSubject(STREAM, one)).toMatch(/^log(\.[A-Za-z0-9_=-]+)+$/);
      expect(natsSubject(STREAM, one) === natsSubject(STREAM, other)).toBe(one === other);
    }),
  );
  const near = ["/", "//", "a/", "/a", "a", "=", "=/", "=2f", "a//b", "a/=/b", "A", "."];
  expect(new Set(near.map((one) => natsSubject(STREAM, one))).size).toBe(near.length);
});

test.each<[string, StoredMessage]>([
  ["no headers", stored(4, { headers: undefined })],
  ["empty headers", stored(4, { headers: headers() })],
  ["no id", without("Nats-Msg-Id")],
  ["no place where its subject ended", without("Nats-Expected-Last-Subject-Sequence")],
  ["a place that is no number", without("Nats-Expected-Last-Subject-Sequence", "-1")],
  ["no word of what its writer knew", without("Daymark-Knew")],
  ["half a word of it", without("Daymark-Knew", "3 abcd")],
  ["the subject of another record", stored(4, { subject: "log.device.8" })],
  ["no JSON", text("not ours")],
  ["no object", text("null")],
  ["no UTF-8", stored(4, { payload: Buffer.from([0xff]) })],
  ["no events", text('{"subject":"device/7","events":[]}')],
  ["events that are no list", text('{"subject":"device/7","events":"abc"}')],
  ["a subject that is none", text('{"subject":7,"events":[{}]}')],
  ["more than a record", text('{"subject":"device/7","events":[{}],"more":1}')],
  ["spaces", text('{"subject":"device/7", "events":[{}]}')],
  ["a name twice", text('{"subject":"device/7","events":[{"a":1,"a":2}]}')],
])("a message with %s is no record", (_, message) => {
  expect(() => readMessage(STREAM, message)).toThrow(OtherHistory);
});

describe("a history", () => {
  const message = (position: number, expected: number, knew: End): RecordMessage => ({
    ...readMessage(STREAM, stored(position)),
    expected,
    knew,
  });

  test("grows to the hashes of any other log of the same records", async () => {
    const [log, history] = [new MemoryEventLog(), new History()];
    for (let n = 0; n < 10; n++) {
      await log.append("device/7", [event("a")], n);
      history.accept(message(n + 1, n, history.end), history.end.hash);
      expect(history.end).toEqual({ position: n + 1, hash: (await everything(log)).at(-1)!.hash });
    }
  });

  test.each<[string, (end: End) => [RecordMessage, string | undefined]]>([
    ["leaves one out", (end) => [message(3, 1, end), end.hash]],
    ["comes again", (end) => [message(1, 0, NO_END), end.hash]],
    ["follows another record of its subject", (end) => [message(2, 0, end), end.hash]],
    ["is by a writer with another history", (end) => [message(2, 1, KNEW), end.hash]],
    ["is by a writer with a longer history", () => [message(2, 1, KNEW), undefined]],
  ])("does not take a record that %s, and stays as it was", (_, next) => {
    const history = new History();
    history.accept(message(1, 0, NO_END), NO_END.hash);
    const { end } = history;
    expect(() => history.accept(...next(end))).toThrow(OtherHistory);
    expect(history.end).toEqual(end);
    history.accept(message(2, 1, end), end.hash);
  });

  test("keeps the newest hashes only", () => {
    const history = new History();
    for (let n = 1; n <= 5_000; n++) history.grow({ position: n, subject: "fleet", hash: `${n}` });
    expect(history.hashAt(5_000)).toBe("5000");
    expect(history.hashAt(905)).toBe("905");
    expect(history.hashAt(904)).toBeUndefined();
  });
});
