/** One-shot acts are counts: each is done once, whatever is lost, repeated, cut off or restored (P2, P4). */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import type { DeviceStore, Stored } from "../../device/ports.js";
import type { DeviceRecord, SessionRecord } from "../../device/record.js";
import { fromBase64Url } from "../../fleet/events.js";
import type { FleetLink } from "../../fleet/link.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { Receipt } from "../../protocol/sync.js";
import type { ActName } from "../../protocol/vector.js";
import type { Aboard, Sailor } from "./aboard.js";
import { handOver } from "./hands.js";
import { device, Harbor, until } from "./harbor.js";

let harbor: Harbor;
let losing = false;
/** Takes receipts and forgets them. */
const losingReceipts = (link: FleetLink): FleetLink => ({
  ...link,
  handle: async (number, message) => {
    const isReceipt = looksSigned(message) && parseEnvelope(message).type === Receipt.type;
    return losing && isReceipt ? [] : link.handle(number, message);
  },
});
beforeEach(async () => {
  losing = false;
  harbor = await Harbor.open({ tamper: losingReceipts });
});
afterEach(async () => {
  await harbor.close();
});

async function ask(count: ActName, { number }: Aboard): Promise<void> {
  harbor.clock.advance(60_000); // what a device says within one second of fleet time is no news
  await harbor.act({ kind: "count", count, numbers: [number], reason: "story" });
}
const known = ({ number }: Aboard) => harbor.service.view.devices.get(number);
/** What the host was told to do. */
const told = ({ events }: Aboard) => events.flatMap((event) => (event.type === "act" ? [event.act] : []));
const newKeys = ({ number }: Aboard) =>
  harbor.events.flatMap((e) => (e.type === "certificate-issued" && e.number === number ? [e.via] : []));
const papers = ({ number }: Aboard): readonly Uint8Array[] =>
  harbor.events.flatMap((event) => {
    const isIts = event.type === "directive-issued" || event.type === "release-issued";
    return isIts && event.number === number ? [fromBase64Url(event.signed ?? "")] : [];
  });
/** A whole contact, from power on to being heard. */
async function again(aboard: Aboard): Promise<void> {
  await harbor.stop(aboard);
  harbor.clock.advance(60_000);
  await harbor.start(aboard);
  await harbor.speaking(aboard);
}

test.each(["reboot", "attest"] as const)(
  "P2: %s is done once: receipts lost, documents repeated, started again",
  async (act) => {
    losing = true;
    const camera = await harbor.working();
    await ask(act, camera);
    await until(() => told(camera).length > 0, "the host is told");
    await handOver(camera, ...papers(camera), ...papers(camera));
    await again(camera);
    await handOver(camera, ...papers(camera));
    losing = false;
    await again(camera);
    await until(() => known(camera)?.done[act] === 1, "the fleet knows");
    expect(told(camera)).toEqual([act]);
    await ask(act, camera);
    await until(() => known(camera)?.done[act] === 2, "asked for once more, it is done once more");
    expect(told(camera)).toEqual([act, act]);
  },
);

test("P2: new keys are made once, and the old generation's key is gone", async () => {
  losing = true;
  const camera = await harbor.working();
  const { key } = camera.device.tlsIdentity;
  await ask("rekey", camera);
  await until(() => newKeys(camera).length === 2, "it has a certificate for a new key");
  await handOver(camera, ...papers(camera));
  await again(camera);
  losing = false;
  await again(camera);
  await until(() => known(camera)?.done.rekey === 1, "the fleet knows");
  expect(newKeys(camera)).toEqual(["enroll", "renew"]);
  expect(camera.device.tlsIdentity.key).not.toBe(key);
  expect(await camera.keys.publicKey(key)).toBeUndefined();
});

test("P7: wiped, a device comes back as a pledge, once, and as much held as it was", async () => {
  const camera = await harbor.working();
  const { key } = camera.device.tlsIdentity;
  await harbor.hold([camera.number], "restrict");
  await ask("wipe", camera);
  await until(() => known(camera)?.done.wipe === 1, "the fleet knows that it is wiped");
  expect(told(camera)).toEqual(["wipe"]);
  expect(camera.device.standing).toBe("restrict");
  expect(camera.device.tlsIdentity.key).toBe("idevid");
  expect(await camera.keys.publicKey(key)).toBeUndefined();
  expect(harbor.sessions().find(({ number }) => number === camera.number)?.role).toBe("held");
  expect(newKeys(camera)).toEqual(["enroll"]); // a quarantined device gets none
  await harbor.release([camera.number]);
  await harbor.speaking(camera);
  expect(newKeys(camera)).toHaveLength(2);
  await again(camera);
  expect(told(camera)).toEqual(["wipe"]);
});

/** Cuts the power right after the save that marks an act as done. */
class CutAfter implements DeviceStore {
  readonly #inner: DeviceStore;
  readonly #isIt: (record: DeviceRecord) => boolean;
  readonly #cut: () => void;
  happened = false;

  constructor(inner: DeviceStore, isIt: (record: DeviceRecord) => boolean, cut: () => void) {
    this.#inner = inner;
    this.#isIt = isIt;
    this.#cut = cut;
  }

  load(): Promise<Stored | undefined> {
    return this.#inner.load();
  }

  saveSession(session: SessionRecord): Promise<void> {
    return this.happened ? new Promise(() => undefined) : this.#inner.saveSession(session);
  }

  async save(record: DeviceRecord): Promise<void> {
    if (this.happened) return new Promise(() => undefined); // no power
    await this.#inner.save(record);
    if (!this.#isIt(record)) return;
    this.happened = true;
    this.#cut();
    await new Promise(() => undefined);
  }
}

test.each(["rekey", "reboot", "attest", "wipe"] as const)(
  "P4: the power is cut right after %s was saved as done: it is not done twice",
  async (act) => {
    const aboard = await harbor.bear();
    const store = new CutAfter(
      aboard.store,
      ({ done }) => done?.[act] === 1,
      () => aboard.radio?.switch(false),
    );
    await harbor.start(aboard, { store });
    await harbor.speaking(aboard);
    await ask(act, aboard);
    await until(() => store.happened, "the power is cut");
    delete aboard.device; // it never ends: its save does not
    await harbor.start(aboard);
    await harbor.speaking(aboard);
    await again(aboard);
    await until(() => known(aboard)?.done[act] === 1, "the fleet knows that it was done");
    expect(told(aboard).length).toBeLessThanOrEqual(1);
    expect(newKeys(aboard)).toHaveLength({ rekey: 2, wipe: 2, reboot: 1, attest: 1 }[act]);
    const names = ["ldevid-1", "ldevid-2", "ldevid-3"].map((name) => aboard.keys.publicKey(name));
    const left = (await Promise.all(names)).filter((key) => key !== undefined);
    expect(left).toHaveLength(1);
  },
);

test("P2: an older image of the disk, put back after the act, does not repeat it: the lease says that it is done", async () => {
  const camera: Sailor = await harbor.working();
  await harbor.stop(camera);
  const image = `${camera.folder}.image`;
  cpSync(camera.folder, image, { recursive: true });
  await harbor.start(camera);
  for (const act of ["reboot", "attest"] as const) await ask(act, camera);
  await until(() => known(camera)?.done.reboot === 1 && known(camera)?.done.attest === 1, "both are done");
  await harbor.stop(camera);
  rmSync(camera.folder, { recursive: true });
  cpSync(image, camera.folder, { recursive: true });
  rmSync(image, { recursive: true });
  Object.assign(camera, { store: new LowdbDeviceStore(join(camera.folder, "state")) }); // as in a new process
  expect((await camera.store.load())?.record.done).toBeUndefined();
  await harbor.start(camera);
  await until(() => known(camera)?.suspectedAt !== undefined, "its token is older than one that was shown");
  await harbor.stop(camera);
  expect((await camera.store.load())?.record.actsWait).toBe(true); // whatever brings the documents meanwhile
  await harbor.start(camera);
  await handOver(camera, ...papers(camera));
  await harbor.act({ kind: "vouch", numbers: [camera.number], reason: "an old image" });
  await harbor.speaking(camera);
  expect(told(camera).toSorted()).toEqual(["attest", "reboot"]);
  expect((await device(camera).receipt()).length).toBeGreaterThan(0); // all that came is looked at
  expect((await camera.store.load())?.record.done).toEqual({ reboot: 1, attest: 1 });
});
