/** The device as an application has it: the machine, its ports, and one loop, on a line in this process. */
import { afterEach, describe, expect, test } from "vitest";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { DeviceError } from "../../device/errors.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { createDevice, type Device, type DeviceEvent } from "../../device/main.js";
import type { DeviceStore, KeyStore } from "../../device/ports.js";
import type { DeviceRecord } from "../../device/record.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { until } from "../stories/harbor.js";
import { Line, serve } from "./line.js";
import { DAY, entropy, Owner, softSigner, START } from "./owner.js";
import { readQuestion } from "./questions.js";

const owner = new Owner();
const HOUR = 3600;

/** A device's own disk, keys and line, and what it told. */
class Rig {
  readonly line = new Line();
  readonly clock = new JumpClock();
  readonly events: DeviceEvent[] = [];
  readonly idevid: PublicKey;
  readonly keys: KeyStore;
  store: DeviceStore;
  device!: Device;

  private constructor(keys: KeyStore, idevid: PublicKey, store: DeviceStore) {
    this.keys = keys;
    this.idevid = idevid;
    this.store = store;
  }

  /** A device that was just born. */
  static async born(): Promise<Rig> {
    const keys = new MemoryKeyStore(nodeCrypto, entropy);
    const idevid = await keys.create(IDEVID_KEY, "ES256");
    const store = new MemoryDeviceStore();
    await store.save(owner.bear(1, idevid));
    const rig = new Rig(keys, idevid, store);
    rigs.push(rig);
    return rig;
  }

  async start(): Promise<this> {
    const { store, keys, clock, line: transport } = this;
    const ports = { store, keys, clock, transport, crypto: nodeCrypto, entropy };
    this.device = await createDevice({ ...ports, backoff: { firstMs: 1, longestMs: 5 } });
    this.device.onEvent((event) => this.events.push(event));
    return this;
  }

  /** Enrolled, synced, and told that it may speak. */
  static async speaking(): Promise<Rig> {
    const rig = await Rig.born();
    serve(rig.line, owner, rig.idevid);
    await rig.start();
    await rig.told("speak");
    return rig;
  }

  async told(type: DeviceEvent["type"], times = 1): Promise<void> {
    await until(() => this.all(type).length >= times, `the device tells "${type}" ${times} times`);
  }

  all<T extends DeviceEvent["type"]>(type: T) {
    return this.events.filter((event): event is Extract<DeviceEvent, { type: T }> => event.type === type);
  }

  published(): readonly string[] {
    return this.line.calls.flatMap((call) =>
      call.published.map(({ payload }) => new TextDecoder().decode(payload)),
    );
  }

  /** Resolves once everything that was given to the device before was looked at. */
  async looked(): Promise<void> {
    const before = this.all("refused").length;
    this.device.receive(Uint8Array.of(0xff));
    await this.told("refused", before + 1);
  }
}

const rigs: Rig[] = [];
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.device?.close()));
});

const code = (expected: string) => expect.objectContaining({ code: expected });

test("a device that was just born learns the time, enrolls, syncs and may speak", async () => {
  const rig = await Rig.speaking();
  expect(rig.events.map((event) => (event.type === "connected" ? event.door : event.type))).toEqual([
    ...["lobby", "disconnected", "front", "disconnected", "front"],
    ...["speak", "leased"],
  ]);
  expect(rig.line.calls.map(({ door }) => door.name)).toEqual(["lobby", "front", "front"]);
  expect(rig.device.number).toBe(1);
  expect(rig.device.tlsIdentity.key).toBe("ldevid-1");
  await rig.device.publish("temperature", utf8("21"));
  expect(rig.line.call.published[0]).toMatchObject({ topic: "temperature", payload: utf8("21") });
});

test("a store without a birth makes no device", async () => {
  const rig = await Rig.born();
  rig.store = new MemoryDeviceStore();
  await expect(rig.start()).rejects.toEqual(code("not-born"));
  expect(rig.line.calls).toHaveLength(0);
});

describe("P4: when the disk fails", () => {
  /** Fails at the n-th save and at every one after it. `history`: saves and messages in the order they came. */
  class FailingStore extends MemoryDeviceStore {
    left = Infinity;
    readonly history: string[];
    constructor(history: string[]) {
      super();
      this.history = history;
    }
    override async save(record: DeviceRecord): Promise<void> {
      this.left -= 1;
      this.history.push(this.left < 0 ? "failed" : "saved");
      if (this.left < 0) throw new DeviceError("storage-failed", "the disk is full");
      await super.save(record);
    }
  }

  /** Lives until the n-th save fails. @returns what happened in order, or undefined if no save failed. */
  async function lifeUntil(save: number): Promise<readonly string[] | undefined> {
    const history: string[] = [];
    const rig = await Rig.born();
    const [born, store] = [await rig.store.load(), new FailingStore(history)];
    if (born) await store.save(born);
    store.left = save - 1;
    rig.store = store;
    serve(rig.line, owner, rig.idevid);
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      const { onSend } = Object.assign(call, { onPublish: () => history.push("published") });
      answer(call);
      const send = call.onSend;
      call.onSend = (bytes) => {
        history.push("sent");
        send(bytes);
      };
      void onSend;
    };
    if (
      !(await rig.start().then(
        () => true,
        () => false,
      ))
    )
      return history;
    const waits = rig.device.publish("temperature", utf8("21"));
    const lost = expect(waits).rejects.toEqual(code("stopped"));
    await until(
      () => rig.all("failed").length > 0 || rig.all("leased").length > 0,
      "it fails, or comes through",
    );
    const failed = rig.all("failed").length > 0;
    if (!failed) await rig.device.close();
    await lost;
    if (!failed) return undefined;
    expect(rig.all("failed")).toEqual([{ type: "failed", error: code("storage-failed") }]);
    await expect(rig.device.publish("temperature", utf8("22"))).rejects.toEqual(code("stopped"));
    const calls = rig.line.calls.length;
    rig.device.receive(owner.directive(1, 1, "isolate"));
    rig.clock.advance(DAY * 1000);
    await rig.device.close();
    expect(rig.line.calls).toHaveLength(calls);
    expect(rig.line.call.closed).toBe(true);
    return history;
  }

  test("whichever save it is: the device stops, says so, and sends nothing after it", async () => {
    let saves = 0;
    for (let history = await lifeUntil(1); history; history = await lifeUntil(saves + 1)) {
      saves += 1;
      expect(history.indexOf("failed"), `at save ${saves}`).toBe(history.length - 1);
    }
    expect(saves).toBeGreaterThanOrEqual(4); // boot, time, request, identity, lease
  });

  test("a key that cannot be kept is not certified", async () => {
    const rig = await Rig.born();
    serve(rig.line, owner, rig.idevid);
    const failure = new DeviceError("storage-failed", "the disk is full");
    Object.assign(rig.keys, { create: () => Promise.reject(failure) });
    await rig.start();
    await rig.told("failed");
    expect(rig.line.calls.flatMap(({ door, sent }) => (door.name === "front" ? sent : []))).toEqual([]);
  });
});

test("P6: each boot is stored with what it is charged, so that power cycling cannot stop time", async () => {
  const rig = await Rig.speaking();
  await rig.device.close();
  const before = await rig.store.load();
  rig.line.onCall = () => undefined;
  for (let boots = 1; boots <= 3; boots++) {
    await rig.start();
    await rig.device.close();
    expect((await rig.store.load())?.poweredSeconds).toBe((before?.poweredSeconds ?? 0) + boots * HOUR);
  }
});

describe("what did not prove itself", () => {
  const directive = owner.directive(1, 1, "isolate");
  const flipped = directive.map((byte, i) => (i === directive.length - 1 ? byte ^ 1 : byte));
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "malformed"],
    ["noise", Uint8Array.of(0xff, 0x00, 0x13), "malformed"],
    ["an empty envelope", Uint8Array.of(0xd2), "malformed"],
    ["a directive cut short", directive.slice(0, -1), "malformed"],
    ["a directive with one bit changed", flipped, "bad-signature"],
    ["another fleet's directive", new Owner().directive(1, 1, "isolate"), "wrong-key"],
    ["a frame of a type that is none", Uint8Array.of(0x82, 0x18, 0x7f, 0xa0), "unknown-type"],
    [
      "a lease by itself",
      owner.lease({
        subject: 1,
        nonce: entropy(16),
        maxReplyBytes: 512,
        holds: { authority: { version: 1, hash: entropy(8) }, level: "none" },
      }),
      "unknown-type",
    ],
    ["too much", new Uint8Array(70_000), "too-large"],
  ])("is refused, told, and changes nothing: %s", async (_, bytes, expected) => {
    const rig = await Rig.speaking();
    const before = await rig.store.load();
    const sent = rig.line.call.sent.length;
    rig.device.receive(bytes); // by hand
    rig.line.call.receive(bytes); // and by the line
    await rig.told("refused", 2);
    expect(rig.all("refused").map((event) => event.code)).toEqual([expected, expected]);
    expect(await rig.store.load()).toEqual(before);
    expect(rig.line.call.sent).toHaveLength(sent);
    expect([rig.device.level, rig.device.standing]).toEqual(["none", "none"]);
    await rig.device.publish("temperature", utf8("21")); // and it goes on
  });
});

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
    await expect(rig.device.publish("n", utf8("1000"))).rejects.toEqual(code("outbox-full"));
    serve(rig.line, owner, rig.idevid);
    rig.line.call.close(); // the attempt that hung
    await Promise.all(waiting);
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
    await Promise.all(all);
    expect(rig.published()).toEqual(["one", "two", "two", "three"]);
  });

  test("I4: on a new connection nothing leaves before the sync is answered", async () => {
    const rig = await Rig.speaking();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      answer(call);
      call.onSend = () => undefined; // the fleet is silent
    };
    rig.line.call.close();
    const waits = rig.device.publish("n", utf8("one"));
    await until(() => rig.line.call.sent.length > 0, "the device asks for a sync");
    await rig.looked();
    expect(rig.published()).toEqual([]);
    const asked = readQuestion(rig.line.call.sent[0] ?? new Uint8Array(), await keysOf(rig), owner);
    if (asked.kind !== "sync") throw new Error("it syncs first");
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
    const waits = rig.device.publish("n", utf8("one"));
    const lost = expect(waits).rejects.toEqual(code("stopped"));
    await rig.device.close();
    await lost;
    await expect(rig.device.publish("n", utf8("two"))).rejects.toEqual(code("stopped"));
  });

  test("the health line says how many wait, and that none waits any more", async () => {
    const rig = await Rig.born();
    await rig.start();
    const waiting = ["one", "two"].map((text) => rig.device.publish("n", utf8(text)));
    serve(rig.line, owner, rig.idevid);
    rig.line.call.close();
    await Promise.all(waiting);
    const [, by] = [rig.looked(), await keysOf(rig)];
    await rig.looked();
    rig.line.call.close();
    await rig.told("leased", 2);
    const health = rig.line.calls.flatMap(({ sent }) =>
      sent.flatMap((bytes) => {
        const asked = readQuestion(bytes, by, owner);
        return asked.kind === "sync" ? [asked.value.health?.heldBack] : [];
      }),
    );
    expect(health).toEqual([2, 0]);
  });
});

async function keysOf({ keys }: Rig): Promise<PublicKey[]> {
  const found = await Promise.all(["idevid", "ldevid-1"].map((name) => keys.publicKey(name)));
  return found.filter((key) => key !== undefined);
}

describe("the server's certificate", () => {
  const stranger = new Owner();
  const { publicKey } = softSigner();
  const inService = { profile: "service", holder: owner.holder(901) } as const;
  const dates = [START - DAY, START + 3650 * DAY] as const;
  test.each<[string, readonly Uint8Array[], "trusted" | "dates" | "chain"]>([
    ["a gateway of the fleet", owner.gateway(publicKey), "trusted"],
    ["without its CA, which the device has", owner.gateway(publicKey).slice(0, 1), "trusted"],
    ["a gateway that ran out", owner.gateway(publicKey, [START - 2 * DAY, START - DAY]), "dates"],
    ["a gateway of next year", owner.gateway(publicKey, [START + 365 * DAY, START + 400 * DAY]), "dates"],
    ["a gateway of another fleet", stranger.gateway(publicKey), "chain"],
    ["a device of the fleet", owner.ldevid(2, publicKey), "chain"],
    ["a service of the fleet", [owner.certify(inService, publicKey, "service", dates)], "chain"],
    [
      "a gateway by the CA for devices",
      [
        owner.certify(
          { profile: "gateway", holder: owner.holder(901), hosts: ["localhost"] },
          publicKey,
          "device",
          dates,
        ),
      ],
      "chain",
    ],
    ["none", [], "chain"],
    ["noise", [Uint8Array.of(0x30, 0x00)], "chain"],
  ])("%s: judged before a byte is sent", async (_, chain, expected) => {
    const rig = await Rig.speaking();
    const { door } = rig.line.call;
    if (door.name !== "front") throw new Error("it came in by the front door");
    expect(door.verify(chain)).toBe(expected);
  });

  test("refused for its dates: the next connection goes through the lobby, and then it comes back", async () => {
    const rig = await Rig.speaking();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      rig.line.onCall = answer;
      call.refuse("dates");
    };
    rig.line.call.close();
    await rig.told("leased", 2);
    expect(rig.line.calls.slice(3).map(({ door }) => door.name)).toEqual(["front", "lobby", "front"]);
    expect(rig.all("server-refused")).toEqual([{ type: "server-refused", why: "dates" }]);
  });

  test("refused for good: it tries the front door again", async () => {
    const rig = await Rig.speaking();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      rig.line.onCall = answer;
      call.refuse("chain");
    };
    rig.line.call.close();
    await rig.told("leased", 2);
    expect(rig.line.calls.slice(3).map(({ door }) => door.name)).toEqual(["front", "front"]);
  });
});

test("a document by hand counts without any connection (P1), and is confirmed on the next one", async () => {
  const rig = await Rig.speaking();
  const answer = rig.line.onCall;
  rig.line.onCall = (call) => call.close(); // dark
  rig.line.call.close();
  rig.device.receive(owner.directive(1, 1, "isolate"));
  await rig.told("level");
  expect(rig.device.standing).toBe("isolate");
  expect((await rig.store.load())?.holds).toEqual([{ version: [1, 1], level: "isolate" }]);
  rig.line.onCall = answer;
  await rig.told("leased", 2);
  expect(rig.device.level).toBe("isolate");
});

test("a listener that went hears nothing; a closed device comes back no more", async () => {
  const rig = await Rig.speaking();
  const heard: DeviceEvent[] = [];
  const end = rig.device.onEvent((event) => heard.push(event));
  end();
  rig.device.receive(owner.directive(1, 1, "observe"));
  await rig.told("level");
  expect(heard).toEqual([]);
  const calls = rig.line.calls.length;
  await rig.device.close();
  rig.clock.advance(DAY * 1000);
  expect(rig.line.calls).toHaveLength(calls);
});
