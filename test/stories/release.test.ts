/** What frees a device, and what does not (P7, P13). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromBase64Url } from "../../fleet/events.js";
import type { Aboard, Sailor } from "./aboard.js";
import { Harbor, until } from "./harbor.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

function newest(
  type: "release-issued" | "directive-issued" | "lease-issued",
  { number }: Aboard,
): Uint8Array {
  const event = harbor.events.findLast((e) => e.type === type && "number" in e && e.number === number);
  if (event?.signed === undefined) throw new Error(`no ${type} yet`);
  return fromBase64Url(event.signed);
}

/** A document by hand, and then one that is known to be refused: once that is reported, the first was looked at. */
async function handOver(aboard: Sailor, document: Uint8Array): Promise<void> {
  const refusals = () => aboard.events.filter(({ type }) => type === "refused").length;
  const before = refusals();
  aboard.device.receive(document);
  aboard.device.receive(Uint8Array.of(0xff));
  await until(() => refusals() > before, "the device looked at what it was handed");
}

test("P13: an older genuine release, replayed by hand, frees nobody", async () => {
  const camera = await harbor.working();
  await harbor.hold([camera.number], "restrict");
  await harbor.release([camera.number]);
  const replay = newest("release-issued", camera);
  await until(() => camera.device.standing === "none", "the device is free again");
  await harbor.hold([camera.number], "isolate");
  await until(() => camera.device.standing === "isolate", "the device is held a second time");
  await handOver(camera, replay);
  expect(camera.device.standing).toBe("isolate");
});

test("P13: an older release that the device never saw frees nobody either", async () => {
  const camera = await harbor.working();
  await harbor.stop(camera);
  await harbor.hold([camera.number], "restrict");
  await harbor.release([camera.number]);
  const unseen = newest("release-issued", camera);
  await harbor.hold([camera.number], "isolate");
  await harbor.start(camera);
  camera.radio.switch(false);
  await handOver(camera, newest("directive-issued", camera));
  await handOver(camera, unseen);
  expect(camera.device.standing).toBe("isolate");
});

test("P13: the newest release by hand lowers nothing until a fresh lease names it", async () => {
  const camera = await harbor.working();
  await harbor.hold([camera.number], "isolate");
  await until(() => camera.device.standing === "isolate", "the device is held");
  camera.radio.switch(false);
  await harbor.release([camera.number]);
  await handOver(camera, newest("release-issued", camera));
  expect(camera.device.standing).toBe("isolate");
  camera.radio.switch(true);
  await until(() => camera.device.standing === "none", "contact frees it");
});

test("P13: a release that leaves a higher level raises at once, without a lease", async () => {
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.release([camera.number], "restrict", "trusted with its safe function only");
  await handOver(camera, newest("release-issued", camera));
  expect(camera.device.standing).toBe("restrict");
});

test("P13: of two releases that wait, the second lowers nothing that the first raised", async () => {
  const camera = await harbor.working();
  camera.radio.switch(false);
  await harbor.release([camera.number], "restrict", "trusted with its safe function only");
  await handOver(camera, newest("release-issued", camera));
  await harbor.release([camera.number], "none", "trusted again");
  await handOver(camera, newest("release-issued", camera));
  expect(camera.device.standing).toBe("restrict");
  camera.radio.switch(true);
  await until(() => camera.device.standing === "none", "contact frees it");
});

test("P7: a second birth of quarantined hardware stands where the first one stood", async () => {
  const first = await harbor.bear("SN-4711");
  await harbor.hold([first.number], "isolate");
  const { birth } = harbor.service.view.devices.get(first.number) ?? {};
  if (!birth) throw new Error("born above");
  const { type: _type, at: _at, actor: _actor, ...again } = birth;
  const request = { type: "import", birth: { ...again, number: 900, index: 900 } } as const;
  expect(await harbor.service.request(request, "test")).toEqual({});
  expect(harbor.service.view.devices.get(900)?.level).toBe("isolate");
  // What is decided later about one of its numbers holds for the other too.
  await harbor.release([900]);
  expect(harbor.service.view.devices.get(first.number)?.level).toBe("none");
  await harbor.hold([first.number], "restrict");
  expect(harbor.service.view.devices.get(900)?.level).toBe("restrict");
});

test("P13: who approves a release frees from what was seen, not from what came since", async () => {
  const camera = await harbor.bear();
  await harbor.hold([camera.number], "restrict");
  const act = { kind: "release", numbers: [camera.number], level: "none", reason: "found" } as const;
  const { id } = await harbor.service.act(act, "admin");
  const seen = harbor.service.actDigest(act);
  await harbor.hold([camera.number], "isolate", "something else came up");
  expect((await harbor.service.approve(id, seen, "approver")).refusal?.code).toBe("conflict");
  expect(harbor.service.view.devices.get(camera.number)?.level).toBe("isolate");
});

test("P2: a reason that no device could read is refused before it is on record", async () => {
  const camera = await harbor.bear();
  const act = {
    kind: "hold",
    numbers: [camera.number],
    level: "isolate",
    reason: "half a \ud800 pair",
  } as const;
  expect((await harbor.service.act(act, "admin")).refusal?.code).toBe("bad-request");
  expect(harbor.service.view.acts.size).toBe(0);
});

test("P13: the one who asks for a release cannot approve it", async () => {
  const camera = await harbor.bear();
  await harbor.hold([camera.number], "isolate");
  const act = { kind: "release", numbers: [camera.number], level: "none", reason: "found" } as const;
  const { id } = await harbor.service.act(act, "admin");
  const { refusal } = await harbor.service.approve(id, harbor.service.actDigest(act), "admin");
  expect(refusal?.code).toBe("denied");
  expect(harbor.service.view.devices.get(camera.number)?.level).toBe("isolate");
});
