/** What a record is as a message, which messages are none, and which record follows a history. */
import fc from "fast-check";
import { headers } from "nats";
import { describe, expect, test } from "vitest";
import { History } from "../../fleet/adapters/jetstream-history.js";
import {
  type End,
  expectEnd,
  natsSubject,
  NO_END,
  OtherHistory,
  type OutgoingMessage,
  type RecordMessage,
  readMessage,
  type StoredMessage,
  writeMessage,
} from "../../fleet/adapters/jetstream-message.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft } from "../../fleet/adapters/record-chain.js";
import type { FleetEvent } from "../../fleet/events.js";
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
  ["no place where its subject ended", without("Daymark-Follows")],
  ["a place that is no number", without("Daymark-Follows", "-1")],
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

  test("P3: of two that follow the same record the first counts; the place of the other holds nothing", async () => {
    const [log, history] = [new MemoryEventLog(), new History()];
    history.accept(message(1, 0, NO_END), NO_END.hash);
    const { end } = history;
    const events = [{ ...event("late"), at: 5, actor: "c" }] as const;
    const late = history.accept({ ...message(2, 0, end), events }, end.hash);
    const instead = [{ type: "decision-overtaken", at: 5, actor: "c" }];
    expect(late).toMatchObject({ isOvertaken: true, expected: 0, events: instead });
    expect([history.headOf("device/7"), history.headOf(late.draft.subject)]).toEqual([1, 2]);
    await log.append("device/7", [event("a")], 0);
    await log.append(late.draft.subject, late.events, late.expected);
    expect(history.end).toEqual({ position: 2, hash: (await everything(log)).at(-1)!.hash });
    const next = history.accept(message(3, 1, history.end), history.end.hash);
    expect([next.isOvertaken, history.headOf("device/7")]).toEqual([false, 3]);
  });

  test.each<[what: string, proof: unknown, isOvertaken: boolean]>([
    ["a fence that a copy proves counts, whatever came before it", { kind: "copy" }, false],
    ["a fence that is decided on what is known is as late as any decision", { kind: "token" }, true],
    ["a fence that is none is late", null, true],
  ])("P3: %s", (_, proof, isOvertaken) => {
    const history = new History();
    history.accept(message(1, 0, NO_END), NO_END.hash);
    const raised = { type: "fence-raised", proof } as unknown as FleetEvent;
    const late = { ...message(2, 0, history.end), events: [raised], draft: draft("device/7", [raised]) };
    expect(history.accept(late, history.end.hash).isOvertaken).toBe(isOvertaken);
    expect(history.headOf("device/7")).toBe(isOvertaken ? 1 : 2);
  });

  test("what a late message says of itself is taken as far as it makes sense", () => {
    const history = new History();
    history.accept(message(1, 0, NO_END), NO_END.hash);
    const events = [{ type: "x", at: "late", actor: "y".repeat(2_000) } as unknown as FleetEvent];
    const { events: instead } = history.accept({ ...message(2, 0, history.end), events }, history.end.hash);
    expect(instead).toEqual([{ type: "decision-overtaken", at: 0, actor: "fleet" }]);
  });

  test("what the server is told to expect is no word for readers", () => {
    const message = stored(4);
    expectEnd(message as OutgoingMessage, 3);
    expect(readMessage(STREAM, message).expected).toBe(2);
    expect(message.headers?.get("Nats-Expected-Last-Subject-Sequence")).toBe("3");
  });

  test("keeps the newest hashes only", () => {
    const history = new History();
    for (let n = 1; n <= 5_000; n++) history.grow({ position: n, subject: "fleet", hash: `${n}` });
    expect(history.hashAt(5_000)).toBe("5000");
    expect(history.hashAt(905)).toBe("905");
    expect(history.hashAt(904)).toBeUndefined();
  });
});
