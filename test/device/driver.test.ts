/** The device as an application has it: the machine, its ports, and one loop, on a line in this process. */
import { afterEach, describe, expect, test } from "vitest";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { DeviceError } from "../../device/errors.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import type { DeviceEvent } from "../../device/main.js";
import type { DeviceRecord } from "../../device/record.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey } from "../../protocol/crypto.js";
import { until } from "../stories/harbor.js";
import { DAY, entropy, Owner, softSigner, START } from "./owner.js";
import { closeRigs, owner, Rig } from "./rig.js";

afterEach(closeRigs);
const HOUR = 3600;
const code = (expected: string) => expect.objectContaining({ code: expected });

test("a device that was just born learns the time, enrolls, syncs and may speak", async () => {
  const rig = await Rig.speaking();
  const told = rig.events.map((event) => (event.type === "connected" ? event.door : event.type));
  expect(told.join(" ")).toBe("lobby disconnected front disconnected front freshness speak leased");
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
    if (born) await store.save(born.record);
    store.left = save - 1;
    rig.store = store;
    rig.serve();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      call.onPublish = () => history.push("published");
      answer(call);
      const { onSend } = call;
      call.onSend = (bytes) => {
        history.push("sent");
        onSend(bytes);
      };
    };
    try {
      await rig.start();
    } catch {
      return history; // it does not even start
    }
    let message = "waits";
    rig.device.publish("temperature", utf8("21")).catch((error: DeviceError) => (message = error.code));
    await until(
      () => rig.all("failed").length > 0 || rig.all("leased").length > 0,
      "it fails, or comes through",
    );
    const failed = rig.all("failed").length > 0;
    if (!failed) return undefined;
    expect(message).toBe("stopped");
    expect(rig.all("failed")).toEqual([{ type: "failed", error: code("storage-failed") }]);
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
    class FullKeyStore extends MemoryKeyStore {
      override create(name: string, algorithm: Algorithm): Promise<PublicKey> {
        if (name === IDEVID_KEY) return super.create(name, algorithm);
        return Promise.reject(new DeviceError("storage-failed", "the disk is full"));
      }
    }
    const rig = await Rig.born(new FullKeyStore(nodeCrypto, entropy));
    rig.serve();
    await rig.start();
    await rig.told("failed");
    expect(rig.line.calls.flatMap(({ door, sent }) => (door.name === "front" ? sent : []))).toEqual([]);
  });
});

describe("a device that was stopped while it was at work leaves nothing that keeps its process alive", () => {
  /** Something that does not end before the test says so. */
  function gate() {
    let [open, reached] = [() => {}, () => {}];
    const opened = new Promise<void>((done) => (open = done));
    const isReached = new Promise<void>((done) => (reached = done));
    return { open, isReached, pass: () => (reached(), opened) };
  }

  test("sets no timer once it was stopped", async () => {
    const rig = await Rig.speaking();
    const [{ store }, { open, isReached, pass }] = [rig, gate()];
    const save = store.save.bind(store);
    store.save = async (record) => {
      await pass();
      await save(record);
    };
    const waiting = new Set<object>();
    const after = rig.clock.after.bind(rig.clock);
    rig.clock.after = (delayMs, run) => {
      const timer = after(delayMs, run);
      const kept = { cancel: () => (waiting.delete(kept), timer.cancel()) };
      waiting.add(kept);
      return kept;
    };
    rig.device.receive(owner.directive(1, 1, "observe"));
    await isReached; // the step that it is at ends by setting its timer
    const closed = rig.device.close();
    open();
    await closed;
    expect(waiting).toEqual(new Set());
  });

  test("begins no connection once it was stopped", async () => {
    const rig = await Rig.speaking();
    await rig.close();
    const { open, isReached, pass } = gate();
    const tlsKey = rig.keys.tlsKey.bind(rig.keys);
    rig.keys.tlsKey = async (name) => {
      await pass();
      return tlsKey(name);
    };
    const before = rig.line.calls.length;
    await rig.start();
    await isReached;
    const closed = rig.device.close();
    open();
    await closed;
    expect(rig.line.calls).toHaveLength(before);
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
    const { session } = (await rig.store.load()) ?? {};
    expect(session?.poweredSeconds).toBe((before?.record.poweredSeconds ?? 0) + boots * HOUR);
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

  test("refused for good: it asks the lobby for links, and tries the front door again", async () => {
    const rig = await Rig.speaking();
    const answer = rig.line.onCall;
    rig.line.onCall = (call) => {
      rig.line.onCall = answer;
      call.refuse("chain");
    };
    rig.line.call.close();
    await rig.told("leased", 2);
    expect(rig.line.calls.slice(3).map(({ door }) => door.name)).toEqual(["front", "lobby", "front"]);
    expect(rig.all("server-refused")).toEqual([{ type: "server-refused", why: "chain" }]);
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
  expect((await rig.store.load())?.record.holds).toEqual([{ version: [1, 1], level: "isolate" }]);
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
