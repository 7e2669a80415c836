/** The device's half of a birth: papers that are not its own are refused, and a cut changes nothing (P4, P8). */
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { beBorn, type StationLink } from "../../device/birth.js";
import { DeviceError } from "../../device/errors.js";
import type { DeviceStore, KeyStore } from "../../device/ports.js";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { DEFAULT_POLICY } from "../../fleet/policy.js";
import { FleetService } from "../../fleet/service.js";
import { embeddedStation } from "../../fleet/station/embedded.js";
import type { Station } from "../../fleet/station/station.js";
import { TOKEN_SECRET_BYTES } from "../../fleet/sync-tokens.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthChallenge, BirthGrant, BirthRecord, BirthRequest } from "../../protocol/birth.js";
import { utf8 } from "../../protocol/bytes.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { ProtocolError } from "../../protocol/errors.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Voucher } from "../../protocol/voucher.js";
import { entropy, Owner, softSigner } from "./owner.js";

const hardwareId = utf8("SN-0001");
let store: DeviceStore;
let keys: KeyStore;
beforeEach(() => {
  store = new MemoryDeviceStore();
  keys = new MemoryKeyStore(nodeCrypto, entropy);
});

const born = (link: StationLink, hardware = hardwareId) =>
  beBorn({ hardwareId: hardware, model: "camera", store, keys, crypto: nodeCrypto }, link);

describe("a station that gives wrong papers", () => {
  const owner = new Owner();

  /** Says hello as it should, and then gives what the test makes of the right papers. */
  const station =
    (change: (right: BirthGrant, key: PublicKey) => Partial<BirthGrant>): StationLink =>
    async (message) => {
      if (!looksSigned(message)) {
        return encodeFrame(BirthChallenge, { nonce: entropy(16), fleetId: owner.trust.fleetId });
      }
      const { payload, type } = parseEnvelope(message);
      if (type !== BirthRequest.type) return new Uint8Array();
      const { publicKey } = BirthRequest.decode(payload);
      const right = owner.papers(7, hardwareId, publicKey);
      return encodeFrame(BirthGrant, { ...right, ...change(right, publicKey) });
    };
  const other = () => owner.papers(8, utf8("SN-0002"), softSigner().publicKey);
  const voucher = (key: PublicKey, change: Partial<Voucher>) => {
    const { payload } = parseEnvelope(owner.trust.authority.bytes);
    const deviceKey = nodeCrypto.sha256(key.bytes);
    const right = {
      hardwareId,
      deviceKey,
      index: 0,
      owner: nodeCrypto.sha256(payload),
      level: "none",
      issuedAt: 1,
    } as const;
    return { voucher: owner.seal(Voucher, { ...right, ...change }, "factory") };
  };

  test("the right papers are taken", async () => {
    await born(station((right, key) => ({ ...voucher(key, {}), ...record(right, key, {}) })));
    expect((await store.load())?.record.number).toBe(7);
  });

  const record = ({ idevid }: BirthGrant, publicKey: PublicKey, change: Partial<BirthRecord>) => {
    const certificate = nodeCrypto.sha256(idevid[0] ?? new Uint8Array());
    const right = {
      subject: 7,
      hardwareId,
      model: "camera",
      publicKey,
      idevid: certificate,
      index: 0,
      bornAt: 1,
    };
    return { record: owner.seal(BirthRecord, { ...right, ...change }, "station") };
  };
  const others = { hardwareId: utf8("SN-0002"), deviceKey: new Uint8Array(32), owner: new Uint8Array(32) };
  test.each<[string, Parameters<typeof station>[0]]>([
    ["all of another device", () => other()],
    [
      "an IDevID for another key, and its record",
      () => {
        const { idevid, record } = owner.papers(7, hardwareId, softSigner().publicKey);
        return { idevid, record };
      },
    ],
    ["another device's voucher", () => ({ voucher: other().voucher })],
    ["a voucher for other hardware", (_, key) => voucher(key, { hardwareId: others.hardwareId })],
    ["a voucher for another key", (_, key) => voucher(key, { deviceKey: others.deviceKey })],
    ["a voucher that names another owner", (_, key) => voucher(key, { owner: others.owner })],
    ["a voucher from the middle of a chain", (_, key) => voucher(key, { index: 1 })],
    ["another device's birth record", () => ({ record: other().record })],
    ["a record of another number", (right, key) => record(right, key, { subject: 9 })],
    ["a record of other hardware", (right, key) => record(right, key, { hardwareId: others.hardwareId })],
    ["a record of another IDevID", (right, key) => record(right, key, { idevid: new Uint8Array(32) })],
  ])("%s: refused, and nothing is stored", async (_, change) => {
    await expect(born(station(change))).rejects.toEqual(expect.objectContaining({ code: "birth-refused" }));
    expect(await store.load()).toBeUndefined();
  });

  const stranger = new Owner();
  test.each<[string, Parameters<typeof station>[0], string]>([
    ["another fleet's Authority", () => ({ authority: stranger.trust.authority.bytes }), "wrong-key"],
    [
      "another fleet's IDevID",
      (_, key) => ({ idevid: stranger.papers(7, hardwareId, key).idevid }),
      "bad-certificate",
    ],
    [
      "another fleet's voucher",
      (_, key) => ({ voucher: stranger.papers(7, hardwareId, key).voucher }),
      "wrong-key",
    ],
    [
      "another station's record",
      (_, key) => ({ record: stranger.papers(7, hardwareId, key).record }),
      "wrong-key",
    ],
    ["an LDevID in the IDevID's place", (_, key) => ({ idevid: owner.ldevid(7, key) }), "birth-refused"],
    ["an IDevID without its station", ({ idevid }) => ({ idevid: idevid.slice(0, 1) }), "bad-certificate"],
    ["a voucher that the station signed itself", ({ record }) => ({ voucher: record }), "unknown-type"],
  ])("%s: refused, and nothing is stored", async (_, change, code) => {
    await expect(born(station(change))).rejects.toEqual(expect.objectContaining({ code }));
    expect(await store.load()).toBeUndefined();
  });

  test("the papers of a fleet that is not the one it named are refused", async () => {
    const link = station(() => ({}));
    const lying: StationLink = async (message) =>
      looksSigned(message)
        ? link(message)
        : encodeFrame(BirthChallenge, { nonce: entropy(16), fleetId: stranger.trust.fleetId });
    await expect(born(lying)).rejects.toBeInstanceOf(ProtocolError);
    expect(await store.load()).toBeUndefined();
  });
});

describe("with a real station", () => {
  let service: FleetService;
  let station: Station;
  beforeEach(async () => {
    const parts = { log: new MemoryEventLog(), keys: new Owner().keys, crypto: nodeCrypto, entropy };
    service = await FleetService.open({
      ...parts,
      clock: new JumpClock(),
      policy: DEFAULT_POLICY,
      tokenSecret: entropy(TOKEN_SECRET_BYTES),
      name: "birth",
    });
    station = await embeddedStation(service);
  });
  const link: StationLink = (message) => station.receive(message);

  /** Everything that can be the last thing before the power goes, before it is done or after. */
  class Cut {
    readonly steps: string[] = [];
    #left: number;
    readonly #when: "before" | "after";
    constructor(atStep: number, when: "before" | "after") {
      this.#left = atStep;
      this.#when = when;
    }
    async step<T>(name: string, run: () => Promise<T>): Promise<T> {
      this.steps.push(name);
      this.#left -= 1;
      if (this.#left === 0 && this.#when === "before") throw new Error("no power");
      const result = await run();
      if (this.#left === 0) throw new Error("no power");
      return result;
    }
  }

  /** A new device whose power goes at one step of its birth, and that is then born again. @returns the steps it took. */
  async function bornTwice(hardware: Uint8Array, cut: Cut): Promise<readonly string[]> {
    store = new MemoryDeviceStore();
    keys = new MemoryKeyStore(nodeCrypto, entropy);
    const powered = {
      store: {
        load: () => store.load(),
        save: (record) => cut.step("save", () => store.save(record)),
        saveSession: (session) => store.saveSession(session),
      } satisfies DeviceStore,
      keys: {
        publicKey: (name) => keys.publicKey(name),
        create: (name, algorithm) => cut.step("key", () => keys.create(name, algorithm)),
        sign: (name, message) => keys.sign(name, message),
        tlsKey: (name) => keys.tlsKey(name),
        remove: (name) => keys.remove(name),
      } satisfies KeyStore,
    };
    const birth = { hardwareId: hardware, model: "camera", crypto: nodeCrypto, ...powered };
    await beBorn(birth, (message) => cut.step("message", () => link(message))).catch(() => undefined);
    await born(link, hardware);
    return cut.steps;
  }

  test.each(["before", "after"] as const)(
    "P4: killed %s each step and born again: one number",
    async (when) => {
      const steps = ["message", "key", "message", "save", "message"];
      for (let at = 1; at <= steps.length; at++) {
        const taken = await bornTwice(utf8(`SN-${at}`), new Cut(at, when));
        expect(taken).toEqual(steps.slice(0, at));
        expect((await store.load())?.record.number, `cut ${when} step ${at}`).toBe(at);
        expect(service.view.devices.size).toBe(at);
      }
      expect(await bornTwice(utf8("SN-whole"), new Cut(Infinity, when))).toEqual(steps);
    },
  );

  test("a device that was born is not born again: not a message, not a key, not a byte on the disk", async () => {
    const record = await born(link);
    const silent: StationLink = () => Promise.reject(new Error("nobody is asked"));
    expect(await born(silent)).toEqual(record);
    expect(await born(silent, utf8("SN-other"))).toEqual(record);
    expect(service.view.devices.size).toBe(1);
  });

  test("P8: other hardware with the same serial number is refused a birth, and keeps none", async () => {
    await born(link);
    store = new MemoryDeviceStore();
    keys = new MemoryKeyStore(nodeCrypto, entropy);
    await expect(born(link)).rejects.toEqual(expect.objectContaining({ code: "conflict" }));
    expect(await store.load()).toBeUndefined();
  });

  test("P4: a disk that fails leaves a device that is not born, and says nothing of it to the station", async () => {
    class FullStore extends MemoryDeviceStore {
      override save(): Promise<void> {
        return Promise.reject(new DeviceError("storage-failed", "the disk is full"));
      }
    }
    const good = store;
    store = new FullStore();
    let messages = 0;
    const counted: StationLink = (message) => {
      messages += 1;
      return link(message);
    };
    await expect(born(counted)).rejects.toEqual(expect.objectContaining({ code: "storage-failed" }));
    expect(messages).toBe(2); // hello and request, no "stored"
    store = good;
    expect((await born(link)).number).toBe(1);
  });
});
