/** What every bus promises to those who talk over it: in one process, and over a real nats-server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connect } from "nats";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { concatBytes, uint32, utf8 } from "../../protocol/bytes.js";
import type { Bus } from "../../protocol/bus.js";
import { NatsServer } from "../nats/server.js";
import { until } from "../stories/harbor.js";
import { grounds } from "./bus-grounds.js";

const MAX_PAYLOAD = 64 * 1024;
/** Longer than an answer takes, shorter than a test. */
const LONG_MS = 20_000;
const SHORT_MS = 50;

/** Why it was rejected. */
const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
/** Subjects of one test. */
let drawn = 0;
const fresh = (): string => `test.${++drawn}`;

describe.each(grounds(MAX_PAYLOAD))("$name", (ground) => {
  const open: Bus[] = [];
  let here: Bus;
  let there: Bus;
  async function another(): Promise<Bus> {
    const bus = await ground.bus();
    open.push(bus);
    return bus;
  }
  /** Resolves when all that `bus` said before is on its way, and all that it listens to is known. */
  async function settled(bus: Bus): Promise<void> {
    const subject = fresh();
    const end = bus.subscribe(subject, ({ respond }) => respond?.(new Uint8Array()));
    await bus.request(subject, new Uint8Array(), LONG_MS);
    end();
  }
  /** Keeps what arrives. */
  function heard(bus: Bus, subject: string, queue?: string): string[] {
    const messages: string[] = [];
    bus.subscribe(subject, ({ payload }) => messages.push(text(payload)), queue);
    return messages;
  }

  beforeAll(() => ground.start());
  afterAll(() => ground.stop());
  beforeEach(async () => {
    here = await another();
    there = await another();
  });
  afterEach(async () => {
    for (const bus of open.splice(0)) await bus.close();
  });

  test("everybody who listens on a subject gets a message, and nobody else", async () => {
    const subject = fresh();
    const [first, second] = [heard(there, subject), heard(there, subject)];
    const [below, all, other] = [
      heard(there, `${subject}.x`),
      heard(there, `${subject}.>`),
      heard(there, fresh()),
    ];
    await settled(there);
    here.publish(subject, utf8("a"));
    here.publish(`${subject}.x`, utf8("b"));
    here.publish(`${subject}.x.y`, utf8("c"));
    await until(() => all.length === 2, "the last one came");
    expect([first, second, below, all, other]).toEqual([["a"], ["a"], ["b"], ["b", "c"], []]);
  });

  test("a message that nobody asked to answer carries no way to", async () => {
    const subject = fresh();
    const ways: unknown[] = [];
    there.subscribe(subject, ({ respond }) => ways.push(respond));
    await settled(there);
    here.publish(subject, new Uint8Array());
    await until(() => ways.length === 1, "it came");
    expect(ways).toEqual([undefined]);
  });

  test("messages of one sender come in order, on several subjects too", async () => {
    const subject = fresh();
    const messages = heard(there, `${subject}.>`);
    await settled(there);
    const sent = Array.from({ length: 2_000 }, (_, i) => String(i));
    for (const one of sent) here.publish(`${subject}.${Number(one) % 3}`, utf8(one));
    await until(() => messages.length === sent.length, "all came");
    expect(messages).toEqual(sent);
  });

  test("of a queue group one gets each message, and everybody gets some", async () => {
    const subject = fresh();
    const third = await another();
    const members = [heard(there, subject, "group"), heard(third, subject, "group")];
    const alone = heard(there, subject, "others");
    await Promise.all([there, third].map(settled));
    for (let i = 0; i < 200; i++) here.publish(subject, utf8(String(i)));
    await until(() => alone.length === 200, "all came");
    await until(() => members.flat().length === 200, "all came in the group too");
    expect(new Set(members.flat()).size).toBe(200);
    for (const member of members) expect(member.length).toBeGreaterThan(0);
  });

  test("a request is answered, each by its own answer", async () => {
    const subject = fresh();
    const held: (() => void)[] = [];
    there.subscribe(subject, ({ payload, respond }) =>
      held.push(() => respond?.(concatBytes(utf8("to "), payload))),
    );
    await settled(there);
    const answers = ["a", "b", "c"].map((asked) => here.request(subject, utf8(asked), LONG_MS));
    await until(() => held.length === 3, "all were asked");
    for (const answer of held.reverse()) answer();
    expect((await Promise.all(answers)).map(text)).toEqual(["to a", "to b", "to c"]);
  });

  test("where nobody listens a request is rejected at once", async () => {
    const asked = here.request(fresh(), new Uint8Array(), LONG_MS);
    await expect(asked).rejects.toMatchObject({ name: "BusError", code: "no-responder" });
    const subject = fresh();
    const end = there.subscribe(subject, ({ respond }) => respond?.(new Uint8Array()), "group");
    await settled(there);
    await here.request(subject, new Uint8Array(), LONG_MS);
    end();
    await settled(there);
    const later = here.request(subject, new Uint8Array(), LONG_MS);
    await expect(later).rejects.toMatchObject({ code: "no-responder" });
  });

  test("who listens and does not answer lets a request run out", async () => {
    const subject = fresh();
    there.subscribe(subject, () => undefined);
    await settled(there);
    const asked = here.request(subject, new Uint8Array(), SHORT_MS);
    await expect(asked).rejects.toMatchObject({ code: "timeout" });
  });

  test("P11: what is larger than it carries is refused, and the next one goes", async () => {
    const subject = fresh();
    const messages = heard(there, subject);
    await settled(there);
    expect(here.maxPayload).toBe(MAX_PAYLOAD);
    const large = new Uint8Array(MAX_PAYLOAD + 1);
    expect(() => here.publish(subject, large)).toThrow(expect.objectContaining({ code: "too-large" }));
    await expect(here.request(subject, large, LONG_MS)).rejects.toMatchObject({ code: "too-large" });
    here.publish(subject, new Uint8Array(MAX_PAYLOAD));
    await until(() => messages.length === 1, "the largest came");
    expect(messages[0]?.length).toBe(MAX_PAYLOAD);
  });

  test("P11: an answer that is larger than it carries is refused where it is given", async () => {
    const subject = fresh();
    there.subscribe(subject, ({ respond }) => {
      expect(() => respond?.(new Uint8Array(MAX_PAYLOAD + 1))).toThrow(
        expect.objectContaining({ code: "too-large" }),
      );
      respond?.(new Uint8Array(MAX_PAYLOAD));
    });
    await settled(there);
    expect((await here.request(subject, new Uint8Array(), LONG_MS)).length).toBe(MAX_PAYLOAD);
  });

  test("who has ended a subscription hears nothing sent after it", async () => {
    const subject = fresh();
    const messages: string[] = [];
    const end = there.subscribe(subject, ({ payload }) => messages.push(text(payload)));
    const rest = heard(there, subject);
    await settled(there);
    here.publish(subject, utf8("a"));
    await until(() => rest.length === 1, "it came");
    end();
    await settled(there);
    here.publish(subject, utf8("b"));
    await until(() => rest.length === 2, "it came to the other");
    expect(messages).toEqual(["a"]);
  });

  test("closed, it takes nothing more, and what waits is rejected", async () => {
    const subject = fresh();
    there.subscribe(subject, () => undefined);
    const messages = heard(here, subject);
    await Promise.all([here, there].map(settled));
    const asked = failure(here.request(subject, new Uint8Array(), LONG_MS));
    await here.close();
    expect(await asked).toMatchObject({ code: "closed" });
    const closed = expect.objectContaining({ code: "closed" });
    expect(() => here.publish(subject, new Uint8Array())).toThrow(closed);
    expect(() => here.subscribe(subject, () => undefined)).toThrow(closed);
    await expect(here.request(subject, new Uint8Array(), LONG_MS)).rejects.toMatchObject({ code: "closed" });
    there.publish(subject, utf8("late"));
    await settled(there);
    expect(messages).not.toContain("late");
  });

  test("without its carrier it says so and rejects; with it again it hears what is sent then", async () => {
    const [subject, mute] = [fresh(), fresh()];
    const numbers: number[] = [];
    there.subscribe(subject, ({ payload }) => numbers.push(Buffer.from(payload).readUInt32BE()));
    there.subscribe(mute, () => undefined);
    const states: string[] = [];
    here.onState((isUp) => states.push(`here ${isUp}`));
    const end = there.onState((isUp) => states.push(`there ${isUp}`));
    await settled(there);
    const waiting = failure(here.request(mute, new Uint8Array(), LONG_MS));
    await settled(here);
    await ground.lose();
    expect(await waiting).toMatchObject({ code: "timeout" });
    await until(() => states.length === 2, "both say that it is lost");
    expect(states.toSorted()).toEqual(["here false", "there false"]);
    here.publish(subject, uint32(1)); // lost without a word
    const asked = here.request(subject, new Uint8Array(), LONG_MS);
    await expect(asked).rejects.toMatchObject({ code: "no-responder" });
    end();
    let back = false;
    there.onState((isUp) => (back = isUp));
    await ground.restore();
    await until(() => back && states.length === 3, "both are back");
    expect(states.at(-1)).toBe("here true");
    await Promise.all([here, there].map(settled));
    here.publish(subject, uint32(2));
    await until(() => numbers.length > 0, "it came");
    expect(numbers).toEqual([2]);
  });
});

describe("NatsBus", () => {
  test("without a server it says where it looked", async () => {
    const connecting = NatsBus.connect({ servers: ["127.0.0.1:1"], name: "test" }, () => undefined);
    await expect(connecting).rejects.toMatchObject({
      name: "BusError",
      code: "closed",
      message: expect.stringContaining("127.0.0.1:1"),
    });
  });

  test("P1: answers go to inboxes alone, whatever subject the asker names", async () => {
    const may = 'permissions: { publish: ["asked"], subscribe: ["_INBOX.>"] }';
    const users = `users: [{ user: gateway, password: x, ${may} }, { user: worker, password: x }]`;
    const server = await NatsServer.start({
      config: `no_auth_user: worker\naccounts { FLEET { jetstream: enabled, ${users} } }`,
    });
    const worker = await NatsBus.connect({ servers: [server.url], name: "worker" }, () => undefined);
    const gateway = await connect({ servers: server.url, user: "gateway", pass: "x" });
    try {
      const [asked, forged]: [string[], string[]] = [[], []];
      worker.subscribe("forbidden", ({ payload }) => forged.push(text(payload)));
      worker.subscribe("asked", ({ payload, respond }) => {
        asked.push(text(payload));
        respond?.(utf8("in my name"));
      });
      await worker.request("asked", utf8("ready?"), LONG_MS);
      gateway.publish("asked", utf8("forge"), { reply: "forbidden" });
      await gateway.flush();
      const answer = await gateway.request("asked", utf8("honest"), { timeout: LONG_MS });
      expect([text(answer.data), asked, forged]).toEqual(["in my name", ["ready?", "forge", "honest"], []]);
    } finally {
      await gateway.close();
      await worker.close();
      await server.remove();
    }
  });

  test("P1: a user without the right to publish is told so, and its operator too", async () => {
    const may = 'permissions: { publish: ["allowed", "$JS.API.>"] }';
    const users = `users: [{ user: gateway, password: x, ${may} }]`;
    const config = `no_auth_user: gateway\naccounts { FLEET { jetstream: enabled, ${users} } }`;
    const server = await NatsServer.start({ config });
    const problems: string[] = [];
    const bus = await NatsBus.connect({ servers: [server.url], name: "test" }, (problem) =>
      problems.push(problem),
    );
    try {
      await expect(bus.request("forbidden", new Uint8Array(), LONG_MS)).rejects.toMatchObject({
        code: "no-responder",
        message: expect.stringContaining("may not publish on forbidden"),
      });
      await until(() => problems.length > 0, "the server's refusal is told");
      expect(problems[0]).toContain("publish on forbidden");
    } finally {
      await bus.close();
      await server.remove();
    }
  });
});
