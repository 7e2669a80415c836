/** A service on a bus: what it says to whom, how much of it waits, and how it leaves. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_OPEN_QUESTIONS } from "../../fleet/link-bus-answers.js";
import {
  encodeAnswers,
  encodeFeedRequest,
  encodePack,
  FEED_WINDOW,
  HEARTBEAT_MS,
  linkSubjects,
  type LinkSubjects,
  MAX_MISSED,
  numbered,
  readAnswers,
  readFeedRequest,
  readNumbered,
  readPack,
} from "../../fleet/link-bus-wire.js";
import { MAX_FEEDS } from "../../fleet/link-bus.js";
import { MAX_WAITING_BYTES } from "../../fleet/link-feed.js";
import { PacketReader } from "../../fleet/link-packets.js";
import { Positions } from "../../fleet/link-positions.js";
import { encodeNews, encodeQuestion, type News, readNews } from "../../fleet/link-wire.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { MemoryBus, MemoryCarrier } from "../../protocol/adapters/memory-bus.js";
import { utf8 } from "../../protocol/bytes.js";
import { BusRig, type ScriptedService } from "../broker/bus-linked.js";
import { AT } from "../broker/linked.js";
import type { Ground } from "../contracts/bus-grounds.js";
import { SmallFleet } from "./fixtures.js";

const LIMIT_MS = 60_000;
const FEED = "0123456789abcdef0123456789abcdef";
const fleet = await SmallFleet.open();

let clock: JumpClock;
let rig: BusRig;
let service: ScriptedService;
let gateway: MemoryBus;
let subjects: LinkSubjects;
beforeEach(async () => {
  clock = new JumpClock();
  const carrier = new MemoryCarrier({ clock });
  const ground = { bus: async () => new MemoryBus(carrier) } as Partial<Ground> as Ground;
  rig = new BusRig(ground, fleet, clock);
  service = await rig.service();
  gateway = (await rig.bus()) as MemoryBus;
  subjects = linkSubjects(rig.fleetId);
});
afterEach(() => rig.close());

/** Lets everything arrive that is on its way. */
const arrived = () => new Promise((resolve) => setImmediate(resolve));

const handle = (id: number, text = "x") =>
  encodeQuestion({ type: "handle", id, number: id, message: utf8(text) });

async function ask(since: number, ...questions: readonly Uint8Array[]) {
  return readAnswers(await gateway.request(subjects.ask, encodePack(since, questions), LIMIT_MS));
}

/** A feed that confirms nothing by itself. */
class Listener {
  readonly messages: Uint8Array[] = [];
  readonly news: News[] = [];
  isEnded = false;
  readonly #name: string;
  readonly #reader = new PacketReader();

  constructor(name: string) {
    this.#name = name;
    gateway.subscribe(subjects.down(name), ({ payload }) => {
      if (payload.length === 0) return void (this.isEnded = true);
      this.messages.push(payload);
      this.news.push(...this.#reader.feed(readNumbered(payload).body).map(readNews));
    });
  }

  async open(since = 0): Promise<string | undefined> {
    const asked = encodeFeedRequest({ since, feed: this.#name });
    const { answers } = readAnswers(await gateway.request(subjects.open, asked, LIMIT_MS));
    await arrived();
    const [refusal] = answers;
    return refusal?.type === "failure" ? refusal.text : undefined;
  }

  confirm(number = this.messages.length): void {
    gateway.publish(subjects.up(this.#name), numbered(number));
  }

  types(): readonly string[] {
    return this.news.map(({ type }) => type);
  }
}

async function feed(name = FEED): Promise<Listener> {
  const listener = new Listener(name);
  expect(await listener.open()).toBeUndefined();
  return listener;
}

describe("a feed", () => {
  test("begins with its place in the log, and the snapshot; each change is followed by the place that it leads to", async () => {
    rig.log.append({ number: 1, standing: AT("none") }, service);
    const { news, messages } = await feed();
    expect(news.map(({ type }) => type)).toEqual([
      "position",
      "welcome",
      "authority",
      "beacon",
      "standings",
      "ready",
    ]);
    expect(news[0]).toEqual({ type: "position", position: 1 });
    rig.log.append({ number: 1, standing: AT("isolate"), push: utf8("directive") }, service);
    rig.log.append({}, service); // a lease: nothing for gateways, but an answer may follow from it
    await arrived();
    expect(news.slice(6).map(({ type }) => type)).toEqual(["push", "standings", "position"]);
    expect(news.at(-1)).toEqual({ type: "position", position: 3 });
    rig.log.append({}, service);
    await arrived();
    expect(news.at(-1)).toEqual({ type: "position", position: 4 });
    expect(messages.map((message) => readNumbered(message).number)).toEqual([1, 2, 3]);
  });

  test("P11: sends no more than a window that nobody confirms, goes on then, and misses nothing", async () => {
    const listener = await feed();
    const document = new Uint8Array(60_000);
    for (let i = 0; i < 2 * FEED_WINDOW; i++) service.tell({ type: "broadcast", document });
    await arrived();
    expect(listener.messages).toHaveLength(FEED_WINDOW);
    while (listener.types().filter((type) => type === "broadcast").length < 2 * FEED_WINDOW) {
      listener.confirm();
      await arrived();
    }
    expect(service.problems).toEqual([]);
  });

  test("P11: a gateway that takes nothing is cut off at the bound, and told so", async () => {
    const [stuck, other] = [await feed(), await feed(FEED.replace("0", "f"))];
    const document = new Uint8Array(60_000);
    let sent = 0;
    for (; service.problems.length === 0; sent++) {
      expect(sent * document.length).toBeLessThan(2 * MAX_WAITING_BYTES);
      service.tell({ type: "broadcast", document });
      await arrived();
      other.confirm();
      await arrived();
    }
    expect(service.problems).toEqual([expect.stringContaining("does not take what it is told")]);
    expect([stuck.isEnded, other.isEnded]).toEqual([true, false]);
    expect(other.types().filter((type) => type === "broadcast")).toHaveLength(sent);
  });

  test("P11: a gateway that is silent is forgotten; one that confirms heartbeats is not", async () => {
    const [silent, alive] = [await feed(), await feed(FEED.replace("0", "f"))];
    for (let i = 0; i <= MAX_MISSED; i++) {
      clock.advance(HEARTBEAT_MS);
      await arrived();
      alive.confirm();
      await arrived();
    }
    expect([silent.isEnded, alive.isEnded]).toEqual([true, false]);
    const heard = silent.messages.length;
    service.tell({ type: "broadcast", document: utf8("x") });
    await arrived();
    expect(silent.messages).toHaveLength(heard);
    expect(alive.types().at(-1)).toBe("broadcast");
  });

  test("P11: so many gateways, and no more, until one has gone", async () => {
    for (let i = 0; i < MAX_FEEDS; i++) await feed(String(i).padStart(32, "0"));
    const late = new Listener(FEED);
    expect(await late.open()).toContain(`feeds ${MAX_FEEDS} gateways already`);
    gateway.publish(subjects.up("0".padStart(32, "0")), new Uint8Array());
    await arrived();
    expect(await late.open()).toBeUndefined();
  });

  test("P3: is refused to a gateway that knows more, and given when the service has caught up", async () => {
    service.hold();
    rig.log.append({ number: 1, standing: AT("isolate") }, service);
    const listener = new Listener(FEED);
    const refused = listener.open(1);
    await arrived();
    clock.advance(LIMIT_MS / 2);
    expect(await refused).toContain("the gateway has seen 1");
    expect(listener.messages).toEqual([]);
    const opened = listener.open(1);
    await arrived();
    expect(listener.messages).toEqual([]);
    service.release();
    expect(await opened).toBeUndefined();
    expect(listener.news[0]).toEqual({ type: "position", position: 1 });
  });

  test("ends when the service had lost the bus: what it said meanwhile is gone", async () => {
    const listener = await feed();
    (service.bus as MemoryBus).setUp(false);
    service.tell({ type: "broadcast", document: utf8("lost") });
    await arrived();
    (service.bus as MemoryBus).setUp(true);
    await arrived();
    expect([listener.isEnded, listener.types().includes("broadcast")]).toEqual([true, false]);
  });
});

describe("questions", () => {
  test("in one message are answered in one, and the answers say from where in the log", async () => {
    service.reply = async (number, message) => {
      rig.log.append({ number, standing: AT("none") }, service);
      return [message];
    };
    const { position, answers } = await ask(0, handle(1, "a"), handle(2, "b"));
    expect(position).toBe(2);
    expect(answers).toEqual([
      { type: "answer", id: 1, documents: [utf8("a")] },
      { type: "answer", id: 2, documents: [utf8("b")] },
    ]);
  });

  test("P4: wait until the service knows what the gateway knows", async () => {
    service.hold();
    rig.log.append({}, service);
    const answered = ask(1, handle(1));
    await arrived();
    expect(service.asked).toEqual([]);
    service.release();
    expect(await answered).toMatchObject({ position: 1, answers: [{ type: "answer", id: 1 }] });
    service.hold();
    const late = ask(2, handle(2));
    await arrived();
    clock.advance(LIMIT_MS / 2);
    expect((await late).answers).toEqual([
      { type: "failure", id: 0, code: "failed", text: expect.stringContaining("this service is behind") },
    ]);
    expect(service.asked).toEqual(["1 x"]);
  });

  test("P11: more than may be open are turned away, those that are open are answered", async () => {
    const held: (() => void)[] = [];
    service.reply = async () => {
      await new Promise<void>((go) => held.push(go));
      return [];
    };
    const ids = Array.from({ length: MAX_OPEN_QUESTIONS }, (_, i) => i + 1);
    const open = ask(0, ...ids.map((id) => handle(id)));
    await arrived();
    expect((await ask(0, handle(MAX_OPEN_QUESTIONS + 1))).answers).toMatchObject([
      { type: "failure", id: 0 },
    ]);
    for (const go of held) go();
    expect((await open).answers).toHaveLength(MAX_OPEN_QUESTIONS);
    service.reply = async () => [];
    expect((await ask(0, handle(1))).answers).toMatchObject([{ type: "answer", id: 1 }]);
  });
});

describe("a service that cannot do its share", () => {
  const nobody = { code: "no-responder" };

  test("P10: is in no queue, and says goodbye to its feeds; when it can again it is back in both", async () => {
    const listener = await feed();
    service.ability.is("it does not follow its log");
    await arrived();
    expect(listener.isEnded).toBe(true);
    await expect(ask(0, handle(1))).rejects.toMatchObject(nobody);
    await expect(new Listener(FEED).open()).rejects.toMatchObject(nobody);
    service.ability.is("it lacks a key");
    await expect(ask(0, handle(1))).rejects.toMatchObject(nobody);
    service.ability.is(undefined);
    service.ability.is(undefined);
    expect((await ask(0, handle(1))).answers).toMatchObject([{ type: "answer", id: 1 }]);
    expect(await new Listener(FEED).open()).toBeUndefined();
    expect(service.asked).toEqual(["1 x"]);
  });

  test("turns away what it had been sent before, and does nothing of it", async () => {
    service.hold();
    rig.log.append({}, service);
    const waits = [ask(1, handle(1)), new Listener(FEED).open(1)] as const;
    await arrived();
    service.ability.is("it lacks a key");
    service.release();
    const [{ answers }, refusal] = await Promise.all(waits);
    expect(answers).toEqual([
      { type: "failure", id: 0, code: "failed", text: expect.stringContaining("it lacks a key") },
    ]);
    expect(refusal).toContain("it lacks a key");
    expect(service.asked).toEqual([]);
  });

  test("from the start joins when it can; one that has left for good does not come back", async () => {
    await service.stop();
    const late = await rig.service("it is fenced");
    await expect(ask(0, handle(1))).rejects.toMatchObject(nobody);
    late.ability.is(undefined);
    expect((await ask(0, handle(1))).answers).toHaveLength(1);
    await late.server.close();
    late.ability.is("it is fenced");
    late.ability.is(undefined);
    await expect(ask(0, handle(1))).rejects.toMatchObject(nobody);
  });
});

describe("a service that leaves", () => {
  test("takes nothing more, answers what it has taken, then says goodbye", async () => {
    const listener = await feed();
    let go: () => void = () => undefined;
    service.reply = async () => {
      await new Promise<void>((resolve) => (go = resolve));
      rig.log.append({}, service);
      return [utf8("last")];
    };
    const taken = ask(0, handle(1));
    await arrived();
    let isClosed = false;
    const closed = service.server.close().then(() => (isClosed = true));
    await arrived();
    await expect(ask(0, handle(2))).rejects.toMatchObject({ code: "no-responder" });
    await expect(new Listener(FEED).open()).rejects.toMatchObject({ code: "no-responder" });
    expect([isClosed, listener.isEnded]).toEqual([false, false]);
    go();
    expect((await taken).answers).toMatchObject([{ type: "answer", documents: [utf8("last")] }]);
    await closed;
    await arrived();
    expect(listener.news.at(-1)).toEqual({ type: "position", position: 1 });
    expect(listener.isEnded).toBe(true);
    const said = listener.messages.length;
    service.tell({ type: "broadcast", document: utf8("x") });
    clock.advance(10 * HEARTBEAT_MS);
    await arrived();
    expect(listener.messages).toHaveLength(said);
  });
});

describe("who speaks otherwise", () => {
  test.each([
    ["nothing", new Uint8Array()],
    ["half a packet", encodePack(0, [handle(1)]).subarray(0, -1)],
    ["questions that begin as none", handle(1)],
    ["news", encodeNews({ type: "ready" })],
    ["another text", utf8("GET / HTTP/1.1")],
  ])("is told that it makes no sense, and harms nobody: %s", async (_, payload) => {
    const listener = await feed();
    for (const subject of [subjects.ask, subjects.open]) {
      gateway.publish(subject, payload); // without a way to answer
      const { answers } = readAnswers(await gateway.request(subject, payload, LIMIT_MS));
      expect(answers).toMatchObject([{ type: "failure", id: 0, code: "failed" }]);
    }
    gateway.publish(subjects.up(FEED), utf8("short"));
    await arrived();
    expect(service.problems).toContainEqual(expect.stringContaining("makes no sense"));
    expect(service.problems).toContainEqual(expect.stringContaining("no gateway says"));
    service.tell({ type: "broadcast", document: utf8("x") });
    await arrived();
    expect(listener.types().at(-1)).toBe("broadcast");
    expect((await ask(0, handle(1))).answers).toHaveLength(1);
  });

  test("a gateway that confirms what was never sent gains nothing", async () => {
    const listener = await feed();
    listener.confirm(Number.MAX_SAFE_INTEGER);
    await arrived();
    const document = new Uint8Array(60_000);
    for (let i = 0; i < 2 * FEED_WINDOW; i++) service.tell({ type: "broadcast", document });
    await arrived();
    expect(listener.messages).toHaveLength(1 + FEED_WINDOW);
  });
});

describe("the wire", () => {
  test("what goes in comes out", () => {
    const question = { type: "time", id: 7, message: utf8("frame") } as const;
    expect(readPack(encodePack(12, [encodeQuestion(question)]))).toEqual({
      since: 12,
      questions: [question],
    });
    const answer = { type: "answer", id: 7, documents: [utf8("time")] } as const;
    expect(readAnswers(encodeAnswers(13, [encodeNews(answer)]))).toEqual({ position: 13, answers: [answer] });
    expect(readFeedRequest(encodeFeedRequest({ since: 3, feed: FEED }))).toEqual({ since: 3, feed: FEED });
    expect(readNumbered(numbered(2 ** 40, utf8("a"), utf8("b")))).toEqual({
      number: 2 ** 40,
      body: utf8("ab"),
    });
  });

  test("subjects are a fleet's own, and a feed's own", () => {
    const a = linkSubjects("a".repeat(32));
    const b = linkSubjects("b".repeat(32));
    const all = [a, b].flatMap((one) => [one.ask, one.open, one.up(FEED), one.down(FEED)]);
    expect(new Set(all).size).toBe(8);
    expect(() => linkSubjects("a.>")).toThrow(RangeError);
  });

  test.each([
    ["news among answers", () => readAnswers(encodeAnswers(1, [encodeNews({ type: "ready" })]))],
    [
      "answers that name no position",
      () => readAnswers(encodeNews({ type: "answer", id: 1, documents: [] })),
    ],
    [
      "a feed with a name that is a subject",
      () => readFeedRequest(encodeFeedRequest({ since: 0, feed: "a.>" })),
    ],
    ["two requests for a feed", () => readFeedRequest(twice(encodeFeedRequest({ since: 0, feed: FEED })))],
    ["a message without a number", () => readNumbered(new Uint8Array(7))],
  ])("refused: %s", (_, read) => {
    expect(read).toThrow(expect.objectContaining({ name: "ProtocolError", code: "malformed" }));
  });

  function twice(bytes: Uint8Array): Uint8Array {
    return Buffer.concat([bytes, bytes]);
  }
});

describe("a place in the log", () => {
  test("is reached, or is not in time, or never", async () => {
    const positions = new Positions(clock, 5);
    expect(await positions.reach(5, 1_000)).toBe(true);
    const waits = [6, 7, 8, 9].map((position) => positions.reach(position, position * 1_000));
    positions.advance(7);
    positions.advance(6); // never back
    expect(positions.reached).toBe(7);
    clock.advance(8_000);
    positions.close();
    expect(await Promise.all(waits)).toEqual([true, true, false, false]);
  });
});
