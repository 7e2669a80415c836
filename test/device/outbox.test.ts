/** Application messages: held back, bounded, in order, and none lost on the way to the gateway (I4, P11). */
import { afterEach, describe, expect, test } from "vitest";
import { DeviceError } from "../../device/errors.js";
import { Outbox } from "../../device/outbox.js";
import { utf8 } from "../../protocol/bytes.js";
import { until } from "../stories/harbor.js";
import { closeRigs, owner, Rig } from "./rig.js";

afterEach(closeRigs);
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("publish", () => {
  const long = (levels: number, characters: number) =>
    Array.from({ length: levels }, () => "x".repeat(characters)).join("/");
  test.each([
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    "+",
    "a/+",
    "#",
    "a/#",
    "$SYS",
    "a b",
    "ä",
    "a\0",
    "a\n",
    "..",
    "a.b",
    long(1, 65),
    long(9, 1),
    long(4, 60), // 243 characters
  ])("is refused for the topic %j", async (topic) => {
    const rig = await Rig.speaking();
    await expect(rig.device.publish(topic, utf8("x"))).rejects.toEqual(code("bad-name"));
    expect(rig.published()).toEqual([]);
  });

  test.each([long(1, 64), long(8, 1), `${long(3, 60)}/${"x".repeat(57)}`, "A-z_9"])(
    "takes the topic %j",
    async (topic) => {
      const rig = await Rig.speaking();
      await rig.device.publish(topic, utf8("x"));
      expect(rig.line.call.published.map((message) => message.topic)).toEqual([topic]);
    },
  );

  test("P11: is refused for more bytes than a gateway takes, so that one message cannot cut the line for ever", async () => {
    const rig = await Rig.speaking();
    await expect(rig.device.publish("x", new Uint8Array(65_537))).rejects.toEqual(code("too-large"));
    await rig.device.publish("x", new Uint8Array(65_536));
  });

  test("P11: a thousand messages wait, one more is refused; all leave in order once the device may speak", async () => {
    const rig = await Rig.born();
    await rig.start();
    const waiting = Array.from({ length: 1000 }, (_, i) => rig.device.publish("n", utf8(String(i))));
    let oneMore = "waits";
    rig.device.publish("n", utf8("1000")).catch((error: DeviceError) => (oneMore = error.code));
    rig.serve();
    rig.line.call.close(); // the attempt that hung
    await Promise.all(waiting);
    expect(oneMore).toBe("outbox-full");
    expect(rig.published()).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
    await rig.device.publish("n", utf8("1000")); // there is room again
  });

  test("resolves only when the gateway took it, and the next one leaves only then", async () => {
    const rig = await Rig.speaking();
    const { call } = rig.line;
    call.onPublish = () => undefined; // the gateway lets it wait
    const done: string[] = [];
    const all = ["one", "two"].map((text) => rig.device.publish("n", utf8(text)).then(() => done.push(text)));
    await rig.looked();
    expect([rig.published(), done]).toEqual([["one"], []]);
    call.onPublish = ({ take }) => take();
    call.published[0]?.take();
    await Promise.all(all);
    expect([rig.published(), done]).toEqual([
      ["one", "two"],
      ["one", "two"],
    ]);
  });

  test("P4: what the line lost halfway stays first, and is sent again", async () => {
    const rig = await Rig.speaking();
    const { call } = rig.line;
    call.onPublish = () => undefined;
    const all = ["one", "two", "three"].map((text) => rig.device.publish("n", utf8(text)));
    await rig.looked();
    call.published[0]?.take();
    await all[0];
    await rig.looked();
    call.close(); // "two" was on its way
    await until(() => rig.published().includes("three"), "the last one leaves");
    expect(rig.published()).toEqual(["one", "two", "two", "three"]);
    await Promise.all(all);
  });

  test("I4: on a new connection nothing leaves before the sync is answered", async () => {
    const rig = await Rig.speaking();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      answer(call);
      call.onSend = () => undefined; // the fleet is silent
    };
    const before = rig.line.call;
    before.close();
    const waits = rig.device.publish("n", utf8("one"));
    await until(
      () => rig.line.call !== before && rig.line.call.sent.length > 0,
      "the device asks for a sync",
    );
    await rig.looked();
    expect(rig.published()).toEqual([]);
    const asked = (await rig.questions()).at(-1);
    if (asked?.kind !== "sync") throw new Error("it syncs first");
    rig.line.call.receive(owner.syncReply(asked.value));
    await waits;
  });

  test("P10: a hold stops what waits; what was taken before is taken", async () => {
    const rig = await Rig.speaking();
    const { call } = rig.line;
    call.onPublish = () => undefined;
    const all = ["one", "two"].map((text) => rig.device.publish("n", utf8(text)));
    all[1]?.catch(() => undefined); // it is still waiting when the device is closed
    await rig.looked();
    call.receive(owner.directive(1, 1, "restrict"));
    await rig.told("level");
    call.published[0]?.take();
    await all[0];
    await rig.looked();
    expect(rig.published()).toEqual(["one"]);
    expect(rig.all("speak").at(-1)).toEqual({ type: "speak", allowed: false });
  });

  test("is rejected when the device is closed: what waits, and what comes after", async () => {
    const rig = await Rig.born();
    await rig.start();
    const end = rig.device.publish("n", utf8("one")).catch((error: DeviceError) => error.code);
    await rig.device.close();
    expect(await end).toBe("stopped");
    await expect(rig.device.publish("n", utf8("two"))).rejects.toEqual(code("stopped"));
  });

  test("the health line says how many wait, and that none waits any more", async () => {
    const rig = await Rig.born();
    await rig.start();
    const waiting = ["one", "two"].map((text) => rig.device.publish("n", utf8(text)));
    rig.serve();
    rig.line.call.close();
    await Promise.all(waiting);
    await rig.looked();
    rig.line.call.close();
    await rig.told("leased", 2);
    const health = (await rig.questions()).flatMap((q) =>
      q.kind === "sync" ? [q.value.health?.heldBack] : [],
    );
    expect(health).toEqual([2, 0]);
  });
});

test("what is dropped while the first of it is being sent takes no later message with it", async () => {
  const outbox = new Outbox();
  const sent: string[] = [];
  const before = outbox.add("before", utf8("for A")).catch((error: DeviceError) => error.code);
  const send = async (topic: string) => {
    sent.push(topic);
    if (topic !== "before") return;
    outbox.drop(new DeviceError("other-owner", "dropped"));
    void outbox.add("after", utf8("for B"));
  };
  await outbox.flush(() => true, send);
  expect(await before).toBe("other-owner");
  expect(sent).toEqual(["before", "after"]);
  expect(outbox.size).toBe(0);
});
