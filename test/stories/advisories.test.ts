/** Advisories: who is meant by a rule, for how long, and what ends it (DESIGN.md §7). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetEvent, fromBase64Url } from "../../fleet/events.js";
import type { HoldLevel } from "../../protocol/level.js";
import type { Sailor, StartChanges } from "./aboard.js";
import { bring, handOver, noNetwork, questionOf } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { Pen } from "./pen.js";

const peerPolicy = { reading: { maxLedgerAgeSeconds: 1e9, whenStale: "closed" } } as const;

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open({ peerPolicy });
});
afterEach(async () => {
  await harbor.close();
});

const advise = (match: string, level: HoldLevel = "restrict") =>
  harbor.act({ kind: "advise", numbers: [], match, level, reason: "recalled" });
const unadvise = (id: number) => harbor.act({ kind: "unadvise", numbers: [], id, reason: "mended" });
const standings = (...sailors: readonly Sailor[]) => sailors.map(({ device }) => device.standing);
/** As the fleet sees them. */
const levels = (...sailors: readonly Sailor[]) =>
  sailors.map(({ number }) => harbor.service.view.devices.get(number)?.level);
const issued = (type: FleetEvent["type"]) => {
  const event = harbor.events.findLast((e) => e.type === type);
  return fromBase64Url(event?.signed ?? "");
};

/** Born as this model, enrolled, synced and speaking. */
async function working(model: string, changes: StartChanges = {}): Promise<Sailor> {
  const aboard = await harbor.bear(undefined, model);
  await harbor.start(aboard, changes);
  await harbor.speaking(aboard);
  return aboard as Sailor;
}

/** Time passes until it holds: what was told to everyone is followed up within half a minute. */
const inTime = (holds: () => boolean, what: string) =>
  until(() => {
    harbor.clock.advance(1_000);
    return holds();
  }, what);

test("P10: a rule holds the models that it names, on the device, at the gateway and by its peers, and no others", async () => {
  const [camera, lamp] = [await working("camera"), await working("lamp")];
  await advise('model = "camera"', "isolate");
  await until(() => camera.device.standing === "isolate", "the camera knows that it is meant");
  await harbor.speaking(lamp);
  expect(levels(camera, lamp)).toEqual(["isolate", "none"]);
  expect(standings(camera, lamp)).toEqual(["isolate", "none"]);
  const roles = harbor.sessions().map(({ number, role }) => [number, role]);
  expect(roles).toContainEqual([camera.number, "held"]);
  expect(roles).toContainEqual([lamp.number, "device"]);
  const papers = { chain: camera.device.tlsIdentity.chain };
  const verdict = () => lamp.device.peerVerdict(papers, "reading").verdict;
  await until(() => verdict() === "denied", "its peer refuses it");
  const born = await harbor.bear(undefined, "camera"); // for those too that nobody could name
  expect(harbor.service.view.devices.get(born.number)?.level).toBe("isolate");
});

test("P6: who cannot tell is meant: a device that does not name its firmware, and every device to its fleet", async () => {
  const [silent, old, mended] = [
    await working("camera"),
    await working("camera", { firmware: "1.2" }),
    await working("camera", { firmware: "1.3" }),
  ];
  await advise('firmware = "1.2"');
  await until(() => !standings(silent, old).includes("none"), "both hold themselves");
  await handOver(mended); // it has looked at what came before this
  expect(standings(silent, old, mended)).toEqual(["restrict", "restrict", "none"]);
  // Its word is no proof, and the higher side wins.
  expect(levels(silent, old, mended)).toEqual(["restrict", "restrict", "restrict"]);
  void mended.device.publish("temperature", Uint8Array.of(1)).catch(() => undefined);
  await until(
    () => harbor.sessions().every(({ number, role }) => number !== mended.number || role === "held"),
    "the gateway holds it as well",
  );
  expect(harbor.messagesFrom(mended)).toEqual([]);
});

test("P7: a match latches: new firmware does not end it, its removal does", async () => {
  const camera = await working("camera", { firmware: "1.2" });
  await advise('firmware = "1.2"');
  await until(() => camera.device.standing === "restrict", "it holds itself");
  await harbor.stop(camera);
  await harbor.start(camera, { firmware: "1.3" });
  await until(() => camera.events.some(({ type }) => type === "connected"), "it is back");
  expect(camera.device.standing).toBe("restrict");
  await unadvise(1);
  await inTime(() => camera.device.standing === "none", "its removal frees it");
  await harbor.speaking(camera);
});

test("P13: a removal takes a second person, the release key, and a lease that names it", async () => {
  const camera = await working("camera");
  await advise('model = "camera"', "isolate");
  await until(() => camera.device.standing === "isolate", "it holds itself");
  camera.radio.switch(false);
  const act = { kind: "unadvise", numbers: [], id: 1, reason: "mended" } as const;
  const { id } = await harbor.service.act(act, "admin");
  const { refusal } = await harbor.service.approve(id, harbor.service.actDigest(act), "admin");
  expect(refusal?.code).toBe("denied");
  expect(levels(camera)).toEqual(["isolate"]);
  await handOver(camera, new Pen(harbor, camera.number).removal([1, 1], [1], harbor.keys.hold));
  expect(camera.events.at(-1)).toMatchObject({ type: "refused", code: "wrong-key" });

  await unadvise(1);
  await handOver(camera, issued("advisories-removed"));
  expect(camera.device.standing).toBe("isolate"); // no lease has named it
  expect(levels(camera)).toEqual(["none"]);
  expect(harbor.service.view.denied.size).toBe(0);
  camera.radio.switch(true);
  await harbor.speaking(camera);
  expect(camera.device.standing).toBe("none");
});

test.each([
  ["list, then removal", (list: Uint8Array, removal: Uint8Array) => [list, removal]],
  ["removal, then list", (list: Uint8Array, removal: Uint8Array) => [removal, list]],
  ["removal alone", (_list: Uint8Array, removal: Uint8Array) => [removal]],
])("P2: a dark device that gets %s ends like all others", async (_what, order) => {
  const camera = await working("camera");
  await harbor.stop(camera);
  await harbor.start(camera, { wrap: noNetwork });
  await advise('model = "camera"', "isolate");
  const list = issued("advisories-issued");
  await unadvise(1);
  await advise('model = "camera"', "observe");
  await handOver(camera, ...order(list, issued("advisories-removed")));
  const seen = order(list, list).length > 1;
  expect(camera.device.standing).toBe(seen ? "isolate" : "none"); // a removal alone lowers nothing
  await handOver(camera, issued("advisories-issued")); // lacks the entry that the removal names
  expect(camera.device.standing).toBe(seen ? "isolate" : "observe");
  const { question } = await questionOf(camera);
  await handOver(camera, ...(await bring(harbor.service, question)));
  expect(camera.device.standing).toBe("observe");
  expect(levels(camera)).toEqual(["observe"]);
});
