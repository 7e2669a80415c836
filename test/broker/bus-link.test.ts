/** Gateways and services over a bus: whoever answers, a gateway has heard of the change before it sees the answer. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_UNDER_WAY } from "../../broker/adapters/bus-asker.js";
import type { BusLink } from "../../broker/adapters/bus-link.js";
import { MAX_TOGETHER } from "../../broker/question-queue.js";
import { linkSource } from "../../fleet/link-feed.js";
import { linkSubjects } from "../../fleet/link-bus-wire.js";
import { serveBus } from "../../fleet/link-bus.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { AuthorityReply, AuthorityRequest } from "../../protocol/authority-links.js";
import type { Bus } from "../../protocol/bus.js";
import { utf8 } from "../../protocol/bytes.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { SyncReply } from "../../protocol/sync.js";
import { grounds } from "../contracts/bus-grounds.js";
import { freshKey, must, SmallFleet } from "../fleet/fixtures.js";
import { until } from "../stories/harbor.js";
import { BusRig, known, type ScriptedService } from "./bus-linked.js";
import { AT } from "./linked.js";

const MAX_PAYLOAD = 64 * 1024;
const text = (bytes: Uint8Array | undefined): string => Buffer.from(must(bytes)).toString();
const down = { name: "LinkError", code: "link-down" };
/** Why it was rejected. */
const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(grounds(MAX_PAYLOAD))("over $name", (ground) => {
  let fleet: SmallFleet;
  let rig: BusRig;
  beforeAll(() => ground.start());
  afterAll(() => ground.stop());
  beforeEach(async () => {
    fleet = await SmallFleet.open();
    rig = new BusRig(ground, fleet);
  });
  afterEach(() => rig.close());

  /** Two services and a gateway. */
  async function pair(bus?: Bus) {
    await rig.service();
    await rig.service();
    const gateway = await rig.gateway(bus);
    const [feeding, other] = rig.feeding();
    return { ...gateway, feeding, other };
  }
  /** Of all messages with questions. */
  const packs = () => rig.sizes(linkSubjects(rig.fleetId).ask);
  /** Asks until a service takes it. */
  async function taken(link: BusLink, number: number, message = "x"): Promise<readonly Uint8Array[]> {
    for (;;) {
      try {
        return await link.handle(number, utf8(message));
      } catch (error) {
        if ((error as { code?: string }).code !== "service-failed") throw error;
      }
    }
  }
  /** What all services were asked. */
  const asked = () => rig.services.flatMap((service) => service.asked);

  test("a whole fleet is what its front door gives", async () => {
    const camera = await fleet.member("SN-1");
    const { service, door } = fleet;
    const source = linkSource(service, door);
    const bus = await rig.bus();
    const report = (problem: string) => expect.fail(problem);
    const server = serveBus({ source, bus, fleetId: rig.fleetId, clock: systemClock, report });
    await known(bus);
    const { link, told } = await rig.gateway();
    expect(link.trust().authority.hash).toEqual(door.trust().authority.hash);
    expect(link.beacon()).toEqual(new Uint8Array(door.beacon()));
    expect(link.ticketSeed()).toEqual(door.ticketSeed());
    expect(link.standing(camera.number)).toEqual(door.standing(camera.number));
    const [reply] = await link.handle(camera.number, camera.syncRequest());
    expect(decodeFrame(SyncReply, must(reply)).lease).toBeDefined();
    const question = encodeFrame(AuthorityRequest, { version: 1, maxReplyBytes: 4096 });
    expect(decodeFrame(AuthorityReply, await link.authorities(question)).newest).toBe(1);
    expect(await link.certifyGateway(freshKey().publicKey, ["localhost"])).toHaveLength(2);
    await fleet.act("hold", [camera.number], "isolate");
    await link.handle(camera.number, camera.syncRequest());
    expect(link.standing(camera.number)?.level).toBe("isolate");
    expect(told.map(({ type }) => type)).toContain("push");
    await server.close();
  });

  test("what cannot be read is refused as by the front door; what fails is told without its secrets", async () => {
    const service = await rig.service();
    const { link } = await rig.gateway();
    service.reply = () => Promise.reject(new Error("ENOSPC: /secret/path"));
    const malformed = { name: "ProtocolError", code: "malformed" };
    for (const one of [link.authorities(utf8("x")), link.ledger(utf8("x")), link.time(utf8("x"))])
      await expect(one).rejects.toMatchObject(malformed);
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({
      code: "service-failed",
      message: expect.not.stringContaining("secret"),
    });
    expect(service.problems).toEqual([expect.stringContaining("ENOSPC")]);
  });

  test("P10: an answer is never seen before the change that it follows from, whoever gives it", async () => {
    const { link } = await pair();
    const decides = (service: ScriptedService) => async (number: number) => {
      const level = rig.log.decisions.length % 2 === 0 ? "restrict" : "none";
      rig.log.append({ number, standing: AT(level) }, service);
      return [utf8(level)];
    };
    for (const service of rig.services) service.reply = decides(service);
    for (let i = 0; i < 200; i++) {
      const [reply] = await link.handle(1, utf8("sync"));
      expect(link.standing(1)?.level).toBe(text(reply));
    }
    expect(rig.services.map((service) => service.asked.length > 20)).toEqual([true, true]);
  });

  test("P10: it waits while the service that tells the news lags", async () => {
    const bus = await rig.bus();
    const { link, feeding, other } = await pair(bus);
    feeding.hold();
    feeding.reply = () => Promise.reject(new Error("it is held"));
    other.reply = async () => {
      rig.log.append({ number: 1, standing: AT("isolate") }, other);
      return [utf8("held")];
    };
    let isAnswered = false;
    const answered = taken(link, 1).then(() => (isAnswered = true));
    await until(() => other.asked.length === 1, "it was asked");
    await known(other.bus); // its answer has left
    await known(bus); // and has arrived
    expect([isAnswered, link.standing(1)]).toEqual([false, undefined]);
    feeding.release();
    await answered;
    expect(link.standing(1)).toEqual(AT("isolate"));
  });

  test("of one device the next question goes when the one before was answered; others do not wait", async () => {
    const { link } = await pair();
    const held: (() => void)[] = [];
    const open: number[] = [];
    let most = 0;
    for (const service of rig.services)
      service.reply = async (number, message) => {
        open.push(number);
        most = Math.max(most, open.filter((other) => other === 1).length);
        await new Promise<void>((go) => held.push(go));
        open.splice(open.indexOf(number), 1);
        return [message];
      };
    const sent = ["a", "b", "c"].map((message) => link.handle(1, utf8(message)));
    const other = link.handle(2, utf8("d"));
    await until(() => held.length === 2, "one of each device was taken");
    for (let left = 4; left > 0; left--) {
      await until(() => held.length > 0, "another one was taken");
      held.shift()?.();
    }
    expect((await Promise.all(sent)).map(([reply]) => text(reply))).toEqual(["a", "b", "c"]);
    expect(text((await other)[0])).toBe("d");
    expect(most).toBe(1);
  });

  test("what waits goes together, and more gathers while some are under way", async () => {
    const { link } = await pair();
    const sizes = await packs();
    const held: (() => void)[] = [];
    for (const service of rig.services)
      service.reply = async (number) => {
        await new Promise<void>((go) => held.push(go));
        return [utf8(String(number))];
      };
    const numbers = Array.from({ length: MAX_TOGETHER + 100 }, (_, i) => i + 1);
    const answers: Promise<readonly Uint8Array[]>[] = [];
    for (const number of numbers.slice(0, 100)) answers.push(link.handle(number, utf8("x")));
    await until(() => held.length === 100, "all were taken");
    expect(sizes).toHaveLength(1);
    for (const number of numbers.slice(100)) {
      answers.push(link.handle(number, utf8("x")));
      await Promise.resolve(); // each alone, if it could
    }
    await until(() => sizes.length === MAX_UNDER_WAY, "as many are under way as may");
    let isDone = false;
    const all = Promise.all(answers).finally(() => (isDone = true));
    await until(() => {
      for (const go of held.splice(0)) go();
      return isDone;
    }, "all are answered");
    expect((await all).map(([reply]) => Number(text(reply)))).toEqual(numbers);
    expect(sizes).toHaveLength(MAX_UNDER_WAY + 1);
  });

  test("answers that do not fit into one message come in several; one that never fits is a failure", async () => {
    const { link } = await pair();
    const sizes = await packs();
    for (const service of rig.services)
      service.reply = async (number) => [new Uint8Array(number === 9 ? MAX_PAYLOAD : 20_000).fill(number)];
    const answers = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => link.handle(number, utf8("x")));
    const never = link.handle(9, utf8("x"));
    await expect(never).rejects.toMatchObject({
      code: "service-failed",
      message: expect.stringContaining("larger than the bus carries"),
    });
    expect((await Promise.all(answers)).map(([reply]) => must(reply)[19_999])).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    expect(sizes.length).toBeGreaterThan(1);
    await expect(link.handle(1, new Uint8Array(MAX_PAYLOAD))).rejects.toMatchObject({
      code: "service-failed",
    });
  });

  test("a snapshot and news of any size come whole", async () => {
    const service = await rig.service();
    const count = 60_000;
    for (let number = 1; number <= count; number++) service.standings.set(number, AT("none"));
    const { link, told } = await rig.gateway();
    expect(link.standing(count)).toEqual(AT("none"));
    const parts = [new Uint8Array(60_000).fill(1), new Uint8Array(60_000).fill(2)];
    service.tell({ type: "beacon", document: utf8("new"), parts });
    await until(() => told.length === 1, "it came");
    expect(told).toEqual([{ type: "beacon", document: utf8("new"), parts }]);
  });

  test("P10: a service that ends sends its gateways to another; nobody is told that anything was lost", async () => {
    const { link, told, states, feeding, other } = await pair();
    rig.log.append({ number: 1, standing: AT("none") });
    await until(() => link.standing(1) !== undefined, "the gateway has heard");
    const held: (() => void)[] = [];
    for (const service of rig.services)
      service.reply = async () => {
        await new Promise<void>((go) => held.push(go));
        return [utf8("late")];
      };
    const open = Array.from({ length: 10 }, (_, i) => link.handle(10 + i, utf8("x")));
    await until(() => held.length === 10, "all are taken");
    const stopped = feeding.stop();
    await until(() => held.splice(0).map((go) => go()).length === 0, "all are answered");
    await Promise.all([...open, stopped]);
    rig.log.append({ number: 1, standing: AT("isolate") });
    await until(() => link.standing(1)?.level === "isolate", "the other one tells it");
    other.reply = async () => [utf8("there")];
    expect(text((await link.handle(1, utf8("x")))[0])).toBe("there");
    expect(other.snapshots).toBe(1);
    expect(told.filter(({ type }) => type === "standing")).toHaveLength(2);
    expect(states).toEqual([]);
  });

  test("P11: a service is killed while it is asked: its questions fail, the next ones do not", async () => {
    const { link, states, feeding, other } = await pair();
    rig.log.append({ number: 1, standing: AT("none") });
    await until(() => link.standing(1) !== undefined, "the gateway has heard");
    feeding.reply = () => new Promise(() => undefined);
    const ends: Promise<PromiseSettledResult<unknown>[]>[] = [];
    for (let i = 0; feeding.asked.length === 0; i++) {
      ends.push(Promise.allSettled([link.handle(10 + i, utf8("x"))]));
      await known(other.bus);
    }
    await feeding.kill();
    rig.log.append({ number: 1, standing: AT("isolate") }, other);
    const results = (await Promise.all(ends)).flat();
    const failed = { status: "rejected", reason: expect.objectContaining(down) };
    expect(results).toContainEqual(failed);
    await until(() => link.standing(1)?.level === "isolate", "another one tells the news");
    expect(await link.handle(1, utf8("x"))).toEqual([]);
    await until(() => states.length === 2, "both were said");
    expect(states).toEqual(["the service says nothing any more", "back"]);
  });

  test("P3: a service that is behind gives no older snapshot to who knows more", async () => {
    const { link, told, feeding, other } = await pair();
    other.hold();
    rig.log.append({ number: 1, standing: AT("isolate") }, feeding);
    await until(() => link.standing(1) !== undefined, "the gateway has heard");
    await feeding.stop();
    await known(other.bus);
    expect(link.standing(1)).toEqual(AT("isolate"));
    rig.log.append({ number: 2, standing: AT("restrict") });
    other.release();
    await until(() => link.standing(2) !== undefined, "it has caught up");
    expect(told).toEqual([1, 2].map((number) => ({ type: "standing", number })));
  });

  test("P11: where no service is, what is asked is rejected at once, and what was known stays", async () => {
    const service = await rig.service();
    const { link, states } = await rig.gateway();
    rig.log.append({ number: 1, standing: AT("isolate") });
    await until(() => link.standing(1) !== undefined, "the gateway has heard");
    await service.stop();
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject({
      ...down,
      message: expect.stringContaining("no service of this fleet is there"),
    });
    await expect(link.certifyGateway(freshKey().publicKey, [])).rejects.toMatchObject(down);
    expect(link.standing(1)).toEqual(AT("isolate"));
    await expect(rig.gateway()).rejects.toMatchObject(down);
    await until(() => states.length > 0, "it is said");
    expect(states[0]).toContain("no service of this fleet is there");
    await rig.service();
    await until(() => states.at(-1) === "back", "another one has taken its place");
    expect(await link.handle(1, utf8("x"))).toEqual([]);
  });

  test("P10: the carrier is lost and back: what waits is rejected, and listeners are told every difference", async () => {
    const { link, told, states } = await pair();
    for (const number of [1, 2, 3]) rig.log.append({ number, standing: AT("none") });
    await until(() => told.length === 3, "the gateway has heard");
    let letGo: () => void = () => undefined;
    const never = new Promise<void>((go) => (letGo = go));
    for (const service of rig.services) service.reply = () => never.then(() => [utf8("too late")]);
    const waiting = failure(link.handle(1, utf8("x")));
    await until(() => asked().length === 1, "it was taken");
    await ground.lose();
    expect(await waiting).toMatchObject(down);
    await expect(link.handle(1, utf8("x"))).rejects.toMatchObject(down);
    rig.log.append({ number: 2, standing: AT("isolate") });
    rig.log.append({ number: 1 });
    expect(link.standing(2)).toEqual(AT("none"));
    told.splice(0);
    await ground.restore();
    await until(() => states.includes("back"), "it is back");
    expect(told).toEqual([{ type: "standing", number: 2 }]);
    expect(link.standing(2)).toEqual(AT("isolate"));
    letGo();
    for (const service of rig.services) service.reply = async () => [utf8("there")];
    expect(text((await link.handle(1, utf8("x")))[0])).toBe("there");
  });

  test("P11: more questions than may wait are turned away", async () => {
    const { link } = await pair();
    const answers: Promise<unknown>[] = [];
    for (let bytes = 0; bytes < 18 * 2 ** 20; bytes += 60_000)
      answers.push(link.handle(1 + bytes, new Uint8Array(60_000)));
    const ends = await Promise.allSettled(answers);
    expect(ends[0]?.status).toBe("fulfilled");
    expect(ends.at(-1)).toMatchObject({ reason: { code: "link-busy" } });
    expect(await link.handle(1, utf8("x"))).toEqual([]);
  });
});
