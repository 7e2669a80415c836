/** Birth at the station: one number per device, one device per hardware, nothing given before it is written. */
import { beforeEach, describe, expect, test } from "vitest";
import { FleetError } from "../../fleet/errors.js";
import { keyFactOf } from "../../fleet/sealing.js";
import type { StationIdentity } from "../../fleet/station/births.js";
import { fleetJournal } from "../../fleet/station/fleet-journal.js";
import { Station } from "../../fleet/station/station.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { BirthChallenge, BirthHello, BirthRecord, BirthRequest, BirthStored } from "../../protocol/birth.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import type { Signer } from "../../protocol/crypto.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { sealEnvelope } from "../../protocol/envelope.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeFrame, encodeFrame } from "../../protocol/frame.js";
import { FOUNDED, freshKey, freshNonce, recordsOf, SmallFleet, WatchedLog } from "./fixtures.js";

let fleet: SmallFleet;
let log: WatchedLog;
beforeEach(async () => {
  log = new WatchedLog();
  fleet = await SmallFleet.open({ log });
});

const about = (hardwareId: string, model = "camera") => ({ hardwareId: utf8(hardwareId), model });
async function hello(hardwareId: string, station: Station = fleet.station): Promise<Uint8Array> {
  const bytes = encodeFrame(BirthHello, { ...about(hardwareId), algorithm: "ES256" });
  return decodeFrame(BirthChallenge, await station.receive(bytes)).nonce;
}

/** A birth request; by `signer` where that is not the key it is about. */
function request(
  nonce: Uint8Array,
  hardwareId: string,
  key: Signer = freshKey(),
  change: { signer?: Signer; model?: string; fleetId?: Uint8Array } = {},
): Uint8Array {
  const { signer = key, model, fleetId = fleet.service.trust.fleetId } = change;
  const value = { ...about(hardwareId, model), nonce, publicKey: key.publicKey };
  return sealEnvelope(BirthRequest, value, signer, fleetId, nodeCrypto);
}

const births = async () => (await fleet.events()).filter((event) => event.type === "device-imported");
const codeOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => "accepted",
    (error: unknown) => {
      if (error instanceof FleetError || error instanceof ProtocolError) return error.code;
      throw error;
    },
  );

describe("numbers", () => {
  test("P4: 50 births at once get the numbers 1 to 50, each once, and their records make one chain", async () => {
    const hardware = Array.from({ length: 50 }, (_, i) => `SN-${i}`);
    const grants = await Promise.all(hardware.map((hardwareId) => fleet.birth(hardwareId, freshKey())));
    const records = grants
      .map(({ record }) => ({ record, ...BirthRecord.decode(parseEnvelope(record).payload) }))
      .sort((a, b) => a.index - b.index);
    expect(records.map(({ subject, index }) => [subject, index])).toEqual(hardware.map((_, i) => [i + 1, i]));
    const previous = records.map((_, i) => {
      const before = records[i - 1];
      return before && nodeCrypto.sha256(before.record);
    });
    expect(records.map((record) => record.previous)).toEqual(previous);
    expect(new Set(records.map(({ hardwareId }) => toHex(hardwareId))).size).toBe(50);
  });

  test("P4: a station that starts again goes on where the log ends, with the certificate it had", async () => {
    const [first] = [await fleet.birth("SN-1", freshKey())];
    const again = await SmallFleet.open({ log });
    const second = await again.birth("SN-2", freshKey());
    const record = BirthRecord.decode(parseEnvelope(second.record).payload);
    expect(record).toMatchObject({ subject: 2, index: 1, previous: nodeCrypto.sha256(first.record) });
    expect(second.idevid[1]).toEqual(first.idevid[1]);
    const stations = (await again.events()).filter(({ type }) => type === "holder-certified");
    expect(stations).toHaveLength(1);
  });
});

test("P4: a number that the fleet gave to another device meanwhile is not given again", async () => {
  const key = keyFactOf(freshKey().publicKey);
  const imported = { number: 2, hardwareId: "other", model: "camera", key, index: 0 };
  const birth = { ...imported, record: "AA", voucher: "AA", idevid: "AA" };
  expect(await fleet.service.request({ type: "import", birth }, "batch")).toEqual({});
  expect(await codeOf(fleet.birth("SN-1", freshKey()))).toBe("conflict");
  expect(await births()).toMatchObject([{ hardwareId: "other" }]);
});

describe("a device that asks again", () => {
  test("P4: with the same key, gets the very papers it got before, and is born once", async () => {
    const key = freshKey();
    const first = await fleet.birth("SN-1", key);
    fleet.clock.seconds = FOUNDED + 1000;
    expect(await fleet.birth("SN-1", key)).toEqual(first);
    expect(await births()).toHaveLength(1);
  });

  test("P4: twice at once, is born once", async () => {
    const key = freshKey();
    const [first, second] = await Promise.all([fleet.birth("SN-1", key), fleet.birth("SN-1", key)]);
    expect(second).toEqual(first);
    expect(await births()).toHaveLength(1);
  });

  test("P7: with another key, is refused", async () => {
    await fleet.birth("SN-1", freshKey());
    expect(await codeOf(fleet.birth("SN-1", freshKey()))).toBe("conflict");
    expect(await births()).toHaveLength(1);
  });
});

describe("a birth request is refused, and nobody is born", () => {
  const elsewhere = new Uint8Array(16);
  const rows: readonly (readonly [string, () => Promise<Uint8Array>, string])[] = [
    ["without a hello", async () => request(freshNonce(), "SN-1"), "conflict"],
    ["for other hardware than the hello's", async () => request(await hello("SN-1"), "SN-2"), "conflict"],
    [
      "for another model than the hello's",
      async () => request(await hello("SN-1"), "SN-1", freshKey(), { model: "lamp" }),
      "conflict",
    ],
    [
      "signed by another key than it names",
      async () => request(await hello("SN-1"), "SN-1", freshKey(), { signer: freshKey() }),
      "wrong-key",
    ],
    [
      "with a signature that does not hold",
      async () => {
        const sealed = request(await hello("SN-1"), "SN-1");
        return sealed.with(-1, (sealed.at(-1) ?? 0) ^ 1);
      },
      "bad-signature",
    ],
    [
      "sealed for another fleet",
      async () => request(await hello("SN-1"), "SN-1", freshKey(), { fleetId: elsewhere }),
      "bad-signature",
    ],
    [
      "as a frame of another type",
      async () => encodeFrame(BirthChallenge, { nonce: freshNonce(), fleetId: elsewhere }),
      "unknown-type",
    ],
    ["as an envelope of another type", async () => (await fleet.bear("SN-9")).syncRequest(), "unknown-key"],
  ];
  test.each(rows)("%s", async (_, message, code) => {
    const bytes = await message();
    const before = await births();
    expect(await codeOf(fleet.station.receive(bytes))).toBe(code);
    expect(await births()).toEqual(before);
  });

  test("to a challenge that was answered before", async () => {
    const nonce = await hello("SN-1");
    const key = freshKey();
    expect(await codeOf(fleet.station.receive(request(nonce, "SN-1", key)))).toBe("accepted");
    expect(await codeOf(fleet.station.receive(request(nonce, "SN-1", key)))).toBe("conflict");
  });
});

test("P11: of 1001 open challenges the oldest is dropped, and the others still count", async () => {
  const nonces: Uint8Array[] = [];
  for (let i = 0; i <= 1000; i++) nonces.push(await hello(`SN-${i}`));
  const answer = (i: number) => codeOf(fleet.station.receive(request(nonces[i] ?? freshNonce(), `SN-${i}`)));
  expect([await answer(0), await answer(1), await answer(1000)]).toEqual([
    "conflict",
    "accepted",
    "accepted",
  ]);
});

describe("the device's word that it has stored its papers", () => {
  async function stored(change: Partial<BirthStored>, signer?: Signer): Promise<string> {
    const key = freshKey();
    const { record } = await fleet.birth("SN-1", key);
    await fleet.birth("SN-2", freshKey());
    const value = { subject: 1, hardwareId: utf8("SN-1"), record: nodeCrypto.sha256(record), ...change };
    const { fleetId } = fleet.service.trust;
    return codeOf(
      fleet.station.receive(sealEnvelope(BirthStored, value, signer ?? key, fleetId, nodeCrypto)),
    );
  }
  test("is taken, with nothing to say to it", async () => {
    expect(await stored({})).toBe("accepted");
  });
  const rows: readonly (readonly [string, Partial<BirthStored>, string])[] = [
    ["of another record", { record: nodeCrypto.sha256(utf8("other")) }, "conflict"],
    ["of another number", { subject: 2 }, "conflict"],
    ["of hardware that was not born here", { hardwareId: utf8("SN-3") }, "not-found"],
    ["of another device's hardware", { hardwareId: utf8("SN-2") }, "wrong-key"],
  ];
  test.each(rows)("is refused %s", async (_, change, code) => {
    expect(await stored(change)).toBe(code);
  });
  test("is refused by another key", async () => {
    expect(await stored({}, freshKey())).toBe("wrong-key");
  });
});

describe("P4: nothing is given that was not written", () => {
  test("when the journal fails no grant leaves; asked again, the number is the one that was free", async () => {
    const key = freshKey();
    log.before = () => Promise.reject(new FleetError("storage-failed", "the disk is full"));
    expect(await codeOf(fleet.birth("SN-1", key))).toBe("storage-failed");
    log.before = () => undefined;
    const { record } = await fleet.birth("SN-1", key);
    expect(BirthRecord.decode(parseEnvelope(record).payload)).toMatchObject({ subject: 1, index: 0 });
    expect(await births()).toHaveLength(1);
  });

  test("the grant waits for the append", async () => {
    const order: string[] = [];
    log.after = async () => {
      await recordsOf(log);
      order.push("written");
    };
    await fleet.birth("SN-1", freshKey()).then(() => order.push("granted"));
    expect(order).toEqual(["written", "granted"]);
  });

  test("killed between append and grant, the device gets its papers when it asks again", async () => {
    const key = freshKey();
    log.after = () => Promise.reject(new FleetError("storage-failed", "no power"));
    expect(await codeOf(fleet.birth("SN-1", key))).toBe("storage-failed");
    log.after = () => undefined;
    const again = await SmallFleet.open({ log });
    const { record } = await again.birth("SN-1", key);
    const [imported, ...more] = await births();
    expect(more).toEqual([]);
    expect(imported).toMatchObject({ number: 1, record: Buffer.from(record).toString("base64url") });
  });

  const strange: readonly (readonly [string, Partial<StationIdentity>, string])[] = [
    ["station's", { station: freshKey() }, "bad-certificate"],
    ["factory's", { factory: freshKey() }, "wrong-key"],
  ];
  test.each(strange)(
    "papers by a key that is not the %s are refused at import, and stay here",
    async (_, key, code) => {
      const identity = { ...fleet.stationIdentity, ...key };
      const station = new Station(
        () => Promise.resolve(identity),
        fleetJournal(fleet.service),
        () => FOUNDED,
      );
      expect(await codeOf(station.receive(request(await hello("SN-1", station), "SN-1")))).toBe(code);
      expect(await births()).toEqual([]);
    },
  );
});
