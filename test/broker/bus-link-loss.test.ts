/** A gateway whose service on the bus is silent, leaves something out, or says what makes no sense. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ANSWER_MS, NEWS_MS } from "../../broker/adapters/bus-asker.js";
import { BusLink } from "../../broker/adapters/bus-link.js";
import { OPENING_MS } from "../../broker/adapters/replica-link.js";
import {
  encodeAnswers,
  HEARTBEAT_MS,
  linkSubjects,
  MAX_MISSED,
  numbered,
  readFeedRequest,
  readNumbered,
  readPack,
} from "../../fleet/link-bus-wire.js";
import { LinkFeed, linkSource } from "../../fleet/link-feed.js";
import { encodeNews, type Question } from "../../fleet/link-wire.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { MemoryBus, MemoryCarrier } from "../../protocol/adapters/memory-bus.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, toHex, utf8 } from "../../protocol/bytes.js";
import { SmallFleet } from "../fleet/fixtures.js";
import { until } from "../stories/harbor.js";

const fleet = await SmallFleet.open();
const fleetId = toHex(fleet.door.trust().fleetId);
const subjects = linkSubjects(fleetId);
const down = { name: "LinkError", code: "link-down" };
/** Why it was rejected. */
const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A service that says what a test wants; by itself a snapshot at `position`, and nothing else. */
class Puppet {
  readonly bus: MemoryBus;
  position = 5;
  /** Names of feeds that were asked for, and how far the gateway was. */
  readonly feeds: { readonly feed: string; readonly since: number }[] = [];
  /** What gateways have confirmed; 0: a goodbye. */
  readonly confirmed: number[] = [];
  answer: (questions: readonly Question[]) => Uint8Array | undefined = (questions) =>
    this.answers(this.position, questions);
  #sent = 0;

  constructor(bus: MemoryBus) {
    this.bus = bus;
    bus.subscribe(subjects.ask, ({ payload, respond }) => {
      const answer = this.answer(readPack(payload).questions);
      if (answer) respond?.(answer);
    });
    bus.subscribe(subjects.open, ({ payload, respond }) => {
      this.feeds.push(readFeedRequest(payload));
      respond?.(encodeAnswers(0, []));
      this.#sent = 0;
      this.snapshot();
    });
    bus.subscribe(`daymark.${fleetId}.up.>`, ({ payload }) =>
      this.confirmed.push(payload.length === 0 ? 0 : readNumbered(payload).number),
    );
  }

  snapshot = (): void => {
    this.say(encodeNews({ type: "position", position: this.position }));
    const feed = new LinkFeed(linkSource(fleet.service, fleet.door));
    for (let packet = feed.next(); packet; packet = feed.next()) this.say(packet);
  };

  answers(position: number, questions: readonly Question[]): Uint8Array {
    const all = questions.map(({ id }) => encodeNews({ type: "answer", id, documents: [utf8("reply")] }));
    return encodeAnswers(position, all);
  }

  /** The next message of the newest feed. */
  say(...body: readonly Uint8Array[]): void {
    this.send(numbered(++this.#sent, ...body));
  }

  /** A message that nobody gets. */
  lose(): void {
    this.#sent += 1;
  }

  send(payload: Uint8Array): void {
    this.bus.publish(subjects.down(this.feeds.at(-1)?.feed ?? ""), payload);
  }
}

let clock: JumpClock;
let puppet: Puppet;
let bus: MemoryBus;
let link: BusLink;
let states: string[];
const open = () => {
  const onChange = (lost: Error | undefined) => void states.push(lost?.message ?? "back");
  return BusLink.open({ bus, fleetId, clock, crypto: nodeCrypto, onChange });
};
beforeEach(async () => {
  clock = new JumpClock();
  const carrier = new MemoryCarrier({ clock });
  puppet = new Puppet(new MemoryBus(carrier));
  bus = new MemoryBus(carrier);
  states = [];
  link = await open();
});
afterEach(async () => {
  link.close();
  await Promise.all([bus.close(), puppet.bus.close()]);
});

/** Lets everything arrive that is on its way. */
const arrived = () => new Promise((resolve) => setImmediate(resolve));
const again = (times: number) => until(() => puppet.feeds.length === times, `feed ${times} is asked for`);

describe("news", () => {
  test("P10: one is missing: the gateway takes another feed, and says how far it is", async () => {
    puppet.say(encodeNews({ type: "position", position: 7 }));
    puppet.lose();
    puppet.say(encodeNews({ type: "position", position: 9 }));
    puppet.position = 9;
    await until(() => states.at(-1) === "back", "it is back");
    expect(states[0]).toMatch(/news are missing/);
    expect(puppet.feeds.map(({ since }) => since)).toEqual([0, 7]);
  });

  test("the newest is missing: the heartbeat shows it", async () => {
    puppet.lose();
    puppet.say();
    await again(2);
    expect(states[0]).toMatch(/news are missing/);
  });

  test("P11: silence is not taken for peace; a heartbeat is confirmed", async () => {
    for (let i = 0; i < 2 * MAX_MISSED; i++) {
      clock.advance(HEARTBEAT_MS);
      puppet.say();
      await arrived();
    }
    expect([puppet.feeds.length, puppet.confirmed.length > MAX_MISSED]).toEqual([1, true]);
    for (let i = 0; i <= MAX_MISSED; i++) clock.advance(HEARTBEAT_MS);
    await again(2);
    expect(states[0]).toBe("the service says nothing any more");
  });

  test("P3: an older snapshot is not taken, whatever a service gives", async () => {
    puppet.say(encodeNews({ type: "position", position: 9 }));
    await arrived();
    let told = 0;
    link.watch(() => (told += 1));
    puppet.position = 8;
    puppet.send(new Uint8Array()); // goodbye
    await until(() => states.length === 1, "it is refused");
    expect([states, told]).toEqual([["the service knows the log to 8, and we to 9"], 0]);
    puppet.position = 9;
    await until(() => states.at(-1) === "back", "one that knows as much is taken");
  });

  test.each([
    ["an answer", [encodeNews({ type: "answer", id: 1, documents: [] })]],
    ["no packet", [Uint8Array.of(0, 0, 0, 1, 0)]],
  ])("that make no sense end the feed: %s", async (_, body) => {
    puppet.say(...body);
    await again(2);
    expect(states[0]).toContain("makes no sense");
    expect(puppet.confirmed).toContain(0);
  });

  test("a message without a number ends the feed too", async () => {
    puppet.send(Uint8Array.of(1));
    await again(2);
    expect(states[0]).toContain("a message without a number");
  });

  test("that begin without a place in the log are not taken", async () => {
    link.close();
    puppet.snapshot = () => puppet.say(encodeNews({ type: "welcome", ticketSeed: new Uint8Array(32) }));
    const opening = open();
    clock.advance(OPENING_MS);
    await expect(opening).rejects.toMatchObject({ ...down, message: expect.stringContaining("position") });
  });

  test("P11: a service that takes the request and says nothing is given up at the start too", async () => {
    link.close();
    puppet.snapshot = () => undefined;
    const opening = open();
    await arrived();
    clock.advance(OPENING_MS);
    for (let i = 0; i <= MAX_MISSED; i++) clock.advance(HEARTBEAT_MS);
    await expect(opening).rejects.toMatchObject({ message: "the service says nothing any more" });
  });

  test("a gateway that ends says so", async () => {
    link.close();
    await arrived();
    expect(puppet.confirmed.at(-1)).toBe(0);
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject(down);
  });
});

describe("answers", () => {
  /** Nothing new is told, and the service says that it is there. */
  async function withoutNews(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += HEARTBEAT_MS) {
      puppet.say();
      await arrived();
      clock.advance(HEARTBEAT_MS);
    }
  }

  test("P10: one that is ahead of the news is not handed down; in time it is given up, and so is the feed", async () => {
    puppet.answer = (questions) => puppet.answers(6, questions);
    let isAnswered = false;
    const first = link.handle(1, utf8("x")).then(() => (isAnswered = true));
    await arrived();
    expect(isAnswered).toBe(false);
    puppet.say(encodeNews({ type: "position", position: 6 }));
    await first;
    puppet.answer = (questions) => puppet.answers(7, questions);
    const second = failure(link.handle(1, utf8("x")));
    await arrived();
    await withoutNews(NEWS_MS);
    expect(await second).toMatchObject(down);
    puppet.position = 7;
    await until(() => states.at(-1) === "back", "another service tells the news");
    expect(states[0]).toBe("the news behind the answer do not come");
    expect(puppet.feeds.map(({ since }) => since)).toEqual([0, 7]);
    expect(await link.handle(1, utf8("x"))).toEqual([utf8("reply")]);
  });

  test("a feed that is still telling its snapshot may take longer: it would have to begin anew", async () => {
    const { snapshot } = puppet;
    puppet.snapshot = () => puppet.say(encodeNews({ type: "position", position: 7 }));
    puppet.send(new Uint8Array()); // goodbye
    await again(2);
    puppet.answer = (questions) => puppet.answers(7, questions);
    const early = failure(link.handle(1, utf8("x")));
    await arrived();
    await withoutNews(NEWS_MS);
    expect([await early, states]).toEqual([expect.objectContaining(down), []]);
    snapshot();
    expect(await link.handle(1, utf8("x"))).toEqual([utf8("reply")]);
    expect(puppet.feeds).toHaveLength(2);
  });

  test("turned away together: they are asked once more, of whoever is there then, and in their turn", async () => {
    const why = "this service lacks a key";
    const refusal = encodeAnswers(5, [encodeNews({ type: "failure", id: 0, code: "failed", text: why })]);
    let asked = 0;
    puppet.answer = (questions) => (++asked === 1 ? refusal : puppet.answers(5, questions));
    const questions = [1, 2, 1].map((number) => link.handle(number, utf8("x")));
    expect(await Promise.all(questions)).toEqual(questions.map(() => [utf8("reply")]));
    expect(asked).toBe(3);
    puppet.answer = (questions) => (++asked < 10 ? refusal : puppet.answers(5, questions));
    const refused = { name: "LinkError", code: "service-failed", message: why };
    expect(await failure(link.handle(1, utf8("x")))).toMatchObject(refused);
    expect(asked).toBe(5);
  });

  test("P11: a question that is not answered in time fails, and the next one of its device goes", async () => {
    puppet.answer = () => undefined;
    const stuck = failure(link.handle(1, utf8("x")));
    const next = link.handle(1, utf8("y"));
    await arrived();
    puppet.answer = (questions) => puppet.answers(5, questions);
    clock.advance(ANSWER_MS);
    expect(await stuck).toMatchObject(down);
    expect(await next).toEqual([utf8("reply")]);
  });

  test("P11: one that waits for news when the carrier is lost is given up, and gives its device no turn later", async () => {
    puppet.answer = (questions) => puppet.answers(7, questions);
    const ends: unknown[] = [];
    link.handle(1, utf8("a")).catch((error: unknown) => ends.push(error));
    await arrived();
    bus.setUp(false);
    await arrived();
    expect(ends).toEqual([expect.objectContaining(down)]);
    bus.setUp(true);
    await until(() => states.at(-1) === "back", "it is back");
    let asked = 0;
    puppet.answer = () => void (asked += 1);
    const next = failure(link.handle(1, utf8("b")));
    const behind = link.handle(1, utf8("c"));
    await arrived();
    puppet.say(encodeNews({ type: "position", position: 7 }));
    await arrived();
    expect(asked).toBe(1);
    puppet.answer = (questions) => puppet.answers(7, questions);
    clock.advance(ANSWER_MS);
    expect(await next).toMatchObject(down);
    expect(await behind).toEqual([utf8("reply")]);
  });

  test.each([
    ["to nobody", () => encodeAnswers(5, [])],
    ["to others", () => encodeAnswers(5, [encodeNews({ type: "answer", id: 99, documents: [] })])],
    ["no answers", () => utf8("HTTP/1.1 200 OK")],
    ["news", () => concatBytes(encodeAnswers(5, []), encodeNews({ type: "ready" }))],
  ])("that make no sense fail the question: %s", async (_, answer) => {
    puppet.answer = answer;
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject(down);
  });
});
