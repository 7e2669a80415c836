/** The ledger on devices: kept current by what everyone is sent, caught up in parts, and what peers do by it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { wholeContent } from "../../fleet/ledger-history.js";
import type { Transport } from "../../device/ports.js";
import { equalBytes } from "../../protocol/bytes.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { decodeFrame, frameType } from "../../protocol/frame.js";
import { LedgerPart, LedgerRequest } from "../../protocol/ledger-part.js";
import { SyncRequest } from "../../protocol/sync.js";
import type { Radio } from "../../simulators/voyage/radio.js";
import type { Aboard, Sailor } from "./aboard.js";
import { Harbor, until } from "./harbor.js";

const peerPolicy = { reading: { maxLedgerAgeSeconds: 1e9, whenStale: "closed" } } as const;
/** Parts that a small device takes. */
const PART_BYTES = 1_024;

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open({ peerPolicy });
});
afterEach(async () => {
  await harbor.close();
});

/** The fleet's own, at this moment. */
const whole = (): Uint8Array => wholeContent(harbor.service.view.ledger);

/** Resolves when the disk of a device holds the very bytes of the fleet's ledger. */
async function caughtUp({ store, number }: Aboard, meanwhile = () => undefined as void): Promise<void> {
  await until(async () => {
    meanwhile();
    const stored = (await store.load())?.record.ledger?.content;
    return stored !== undefined && equalBytes(stored, whole());
  }, `device ${number} has the fleet's ledger`);
}

const denies = ({ device }: Sailor, other: Sailor): boolean =>
  device.peerVerdict({ chain: other.device.tlsIdentity.chain }, "reading").verdict === "denied";

/** What one device asked, and the largest part that it got. */
class Questions {
  readonly parts: LedgerRequest[] = [];
  syncs = 0;
  largest = 0;
  /** Called after each question for a part. */
  afterAsking: () => void = () => undefined;

  /** Listens on the radio of the device that is started with this. */
  readonly wrap = (radio: Radio): Transport => ({
    connect: (fleetId, door, events) => {
      const received = (bytes: Uint8Array) => {
        if (!looksSigned(bytes) && frameType(bytes) === LedgerPart.type) this.#gotPart(bytes);
        events.received(bytes);
      };
      const connection = radio.connect(fleetId, door, { ...events, received });
      const send = (bytes: Uint8Array) => {
        this.#asks(bytes);
        return connection.send(bytes);
      };
      return {
        send,
        publish: (topic, payload) => connection.publish(topic, payload),
        close: () => connection.close(),
      };
    },
  });

  #asks(bytes: Uint8Array): void {
    if (looksSigned(bytes)) this.syncs += parseEnvelope(bytes).type === SyncRequest.type ? 1 : 0;
    if (looksSigned(bytes) || frameType(bytes) !== LedgerRequest.type) return;
    this.parts.push(decodeFrame(LedgerRequest, bytes));
    this.afterAsking();
  }

  #gotPart(bytes: Uint8Array): void {
    this.largest = Math.max(this.largest, decodeFrame(LedgerPart, bytes).bytes.length);
  }
}

/** So many devices of another model, with numbers far apart: nothing that compresses well. */
async function importLamps(count: number): Promise<void> {
  const key = { algorithm: "ES256", bytes: "a key" } as const;
  const papers = { record: "", voucher: "", idevid: "" };
  for (let i = 0; i < count; i++) {
    const number = 1_000 + 2_000_003 * i + ((7_919 * i * i) % 1_000_003);
    const birth = { number, hardwareId: `lamp-${i}`, model: "lamp", key, index: 100 + i, ...papers };
    await harbor.service.request({ type: "import", birth }, "test");
  }
}

const recallLamps = () =>
  harbor.act({ kind: "advise", numbers: [], match: 'model = "lamp"', level: "isolate", reason: "fire" });

test("P10: a device that works hears of each change with one push, and asks for nothing", async () => {
  const asked = new Questions();
  const camera = await harbor.working({ wrap: asked.wrap });
  const [other, third] = [await harbor.working(), await harbor.working()];
  await harbor.hold([other.number], "isolate");
  await until(() => denies(camera, other), "the camera refuses the device that was isolated");
  await until(() => denies(third, other), "and so does the third one");
  const syncs = asked.syncs;
  const beacons = harbor.events.filter(({ type }) => type === "beacon-issued").length;
  await harbor.release([other.number]);
  await until(() => !denies(third, other), "released, it is refused no more");
  await harbor.hold([other.number, third.number], "isolate");
  await until(() => denies(camera, other) && denies(camera, third), "two changes in one push");
  await caughtUp(camera);
  expect(harbor.events.filter(({ type }) => type === "beacon-issued")).toHaveLength(beacons + 2);
  expect([asked.syncs - syncs, asked.parts]).toEqual([0, []]);
});

test("P11: a change of some kilobytes is pushed in parts that fit everyone", async () => {
  const asked = new Questions();
  const camera = await harbor.working({ maxPartBytes: PART_BYTES, wrap: asked.wrap });
  await importLamps(1_200);
  await recallLamps();
  await caughtUp(camera);
  expect(whole().length).toBeGreaterThan(2 * PART_BYTES);
  expect(asked.parts).toEqual([]);
});

test("P2: who missed the pushes asks in parts of 1 KB, and goes on where the connection was lost", async () => {
  const asked = new Questions();
  const camera = await harbor.working({ maxPartBytes: PART_BYTES, wrap: asked.wrap });
  camera.radio.switch(false);
  await importLamps(1_500);
  await recallLamps();
  expect(whole().length).toBeGreaterThan(3 * PART_BYTES);
  asked.afterAsking = () => {
    if (asked.parts.length === 2) setImmediate(() => camera.radio.switch(false));
  };
  camera.radio.switch(true);
  await until(() => asked.parts.length === 2 && camera.events.at(-1)?.type === "disconnected", "it is cut");
  camera.radio.switch(true);
  await caughtUp(camera, () => harbor.clock.advance(1_000));
  const offsets = asked.parts.map(({ offset }) => offset);
  expect(asked.parts.every(({ maxPartBytes }) => maxPartBytes === PART_BYTES)).toBe(true);
  expect(asked.largest).toBeLessThanOrEqual(PART_BYTES);
  expect(Math.min(...offsets)).toBeGreaterThan(0); // the first part came with the sync
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b)); // never from the beginning again
  await harbor.speaking(camera);
});

test("P2: 400 days dark, a device has the whole denied set with its first sync, byte for byte", async () => {
  const asked = new Questions();
  const camera = await harbor.working({ wrap: asked.wrap });
  const other = await harbor.working();
  camera.radio.switch(false);
  await importLamps(300);
  for (let i = 0; i < 20; i++) {
    await harbor.hold([other.number], "isolate");
    await harbor.passDays(10);
    await harbor.release([other.number]);
    await harbor.passDays(10);
  }
  await recallLamps();
  await harbor.hold([other.number], "isolate");
  const papers = other.device.tlsIdentity;
  await harbor.stop(other);
  expect(harbor.service.view.denied.size).toBe(301);
  asked.syncs = 0;
  camera.radio.switch(true);
  await caughtUp(camera);
  expect([asked.syncs, asked.parts]).toEqual([1, []]);
  expect(camera.device.peerVerdict({ chain: papers.chain }, "reading")).toMatchObject({ verdict: "denied" });
  await harbor.speaking(camera);
});
