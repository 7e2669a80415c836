/** A device that no network reaches, and what people carry to it and back: files on a stick (P1). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportFor } from "../../fleet/bundles.js";
import { exposure, type ExposureState } from "../../fleet/exposure.js";
import { directiveVersion } from "../../fleet/view.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import type { Aboard, Sailor } from "./aboard.js";
import { bring, handOver, noNetwork, questionOf } from "./hands.js";
import { recovered } from "./mending.js";
import { Harbor, until } from "./harbor.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

const offline = { wrap: noNetwork };

/** Worked once; since then nothing reaches it but what is carried. */
async function ashore(): Promise<Sailor> {
  const camera = await harbor.working();
  await harbor.stop(camera);
  await harbor.start(camera, offline);
  return camera;
}

/** What the fleet writes for one device, as bytes of a file. */
const fileFor = ({ number }: Aboard): readonly Uint8Array[] =>
  splitBundle(joinBundle(exportFor(harbor.service, number)));

/** Whether the fleet knows that the device has its newest directive, and since when. */
function knows({ number }: Aboard): { state: ExposureState; since: number } | undefined {
  const { view } = harbor.service;
  const device = view.devices.get(number);
  const version = device ? directiveVersion(device) : ([0, 0] as const);
  return exposure(view, { kind: "directive", number, version }).devices[0];
}

/** Somebody carries a question to the fleet, and the answer back. @returns the answer. */
async function exchanged(camera: Sailor): Promise<readonly Uint8Array[]> {
  const { question } = await questionOf(camera);
  const answers = await bring(harbor.service, question);
  await handOver(camera, ...answers);
  return answers;
}

test("P1: a file carried by hand quarantines a device, and its receipt carried back says so", async () => {
  const camera = await ashore();
  const lastContact = harbor.service.view.devices.get(camera.number)?.lastContactAt;
  harbor.clock.advance(3_600_000);
  await harbor.hold([camera.number], "isolate");
  expect(knows(camera)).toMatchObject({ state: "dark", since: lastContact }); // cannot know yet
  const receipt = await handOver(camera, ...fileFor(camera));
  expect(camera.device.standing).toBe("isolate");
  expect(knows(camera)).toMatchObject({ state: "dark", since: lastContact });
  harbor.clock.advance(3_600_000); // the way back
  await bring(harbor.service, receipt);
  expect(knows(camera)).toMatchObject({ state: "confirmed", since: harbor.service.view.lastAt });
  expect(fileFor(camera)).toEqual([]); // there is nothing more to carry
});

test("P1: the same for a device that never had a network, not even to enroll", async () => {
  const camera = (await harbor.bear()) as Sailor;
  await harbor.start(camera, offline);
  await harbor.hold([camera.number], "restrict");
  await bring(harbor.service, await handOver(camera, ...fileFor(camera)));
  expect(camera.device.standing).toBe("restrict");
  expect(knows(camera)?.state).toBe("confirmed");
});

test("P13: off the network a release counts with the answer to the device's own question, also after a restart", async () => {
  const camera = await ashore();
  await harbor.hold([camera.number], "isolate");
  await handOver(camera, ...fileFor(camera));
  await harbor.release([camera.number]);
  await handOver(camera, ...fileFor(camera));
  expect(camera.device.standing).toBe("isolate"); // the release alone is not enough
  const { question } = await questionOf(camera);
  const answer = await bring(harbor.service, question);
  await harbor.stop(camera);
  await harbor.start(camera, offline);
  await handOver(camera, ...answer);
  expect(camera.device.standing).toBe("none");
});

test("P13: an answer counts for one device, once, and for nothing that came after it", async () => {
  const [camera, other] = [await ashore(), await ashore()];
  for (const one of [camera, other]) {
    await harbor.hold([one.number], "isolate");
    await handOver(one, ...fileFor(one));
    await harbor.release([one.number]);
  }
  const { question } = await questionOf(camera);
  const answer = await bring(harbor.service, question);
  await handOver(other, ...answer);
  expect(other.device.standing).toBe("isolate");

  await harbor.hold([camera.number], "restrict", "seen at the fence");
  await handOver(camera, ...fileFor(camera)); // the newer directive is there before the answer
  await handOver(camera, ...answer);
  expect(camera.device.standing).toBe("restrict"); // freed of what the answer knew, held by what it did not
  const before = camera.events.length;
  await handOver(camera, ...answer);
  expect(camera.events.slice(before)).toEqual([]); // the same lease is no second contact
  expect(camera.device.standing).toBe("restrict");

  await harbor.release([camera.number]);
  await exchanged(camera);
  expect(camera.device.standing).toBe("none");
  await harbor.hold([camera.number], "isolate");
  await handOver(camera, ...fileFor(camera));
  await handOver(camera, ...answer);
  expect(camera.device.standing).toBe("isolate");
});

test("P13: a later question ends the one before", async () => {
  const camera = await ashore();
  await harbor.hold([camera.number], "isolate");
  await handOver(camera, ...fileFor(camera));
  await harbor.release([camera.number]);
  const answer = await bring(harbor.service, (await questionOf(camera)).question);
  await questionOf(camera);
  await handOver(camera, ...answer);
  expect(camera.device.standing).toBe("isolate");
  await exchanged(camera);
  expect(camera.device.standing).toBe("none");
});

test("P3: a fleet restored from an older copy takes back what devices carry, and signs again under new terms", async () => {
  const [held, freed] = [await harbor.working(), await harbor.working()];
  let position = 0;
  for await (const record of harbor.service.options.log.read(0)) position = record.position;
  await harbor.hold([held.number, freed.number], "isolate");
  await harbor.release([freed.number]);
  await harbor.act({
    kind: "advise",
    numbers: [],
    match: 'model = "lamp"',
    level: "restrict",
    reason: "fire",
  });
  await harbor.act({ kind: "advise", numbers: [], match: "number = 999", level: "observe", reason: "noise" });
  await harbor.act({ kind: "unadvise", numbers: [], id: 2, reason: "mended" });
  const known = harbor.service.view;
  const stored = ({ number }: Aboard) => {
    const { list, removal } = known.advisories;
    const held = known.devices.get(number)?.held;
    return (
      held?.advisories.join() === list?.version.join() && held?.removals.join() === removal?.version.join()
    );
  };
  await until(() => {
    harbor.clock.advance(60_000 * 60);
    return stored(held) && stored(freed);
  }, "both devices hold all of it");
  const carried = [held, freed].flatMap(({ device }) => device.documents());
  const before = [held, freed].map(({ number }) => known.devices.get(number)?.level);

  await harbor.restore(position);
  expect(harbor.service.view.devices.get(held.number)?.level).toBe("none"); // it has forgotten
  await bring(harbor.service, ...carried);
  const { view } = harbor.service;
  expect(view.fence?.proof).toMatchObject({ kind: "document" });
  await expect(harbor.hold([freed.number], "isolate")).rejects.toMatchObject({ code: "fenced" });
  expect([held, freed].map(({ number }) => view.devices.get(number)?.level)).toEqual(before);
  expect([...view.denied]).toEqual([held.number]);
  expect(view.advisories.active.map(({ id, match, level }) => [id, match, level])).toEqual([
    [1, 'model = "lamp"', "restrict"],
  ]);
  await recovered(harbor, "the backup was a day old");
  for (const sailor of [held, freed]) {
    await harbor.stop(sailor);
    await harbor.start(sailor);
  }
  await harbor.speaking(freed);
  const saidAgain = () => harbor.service.view.devices.get(held.number)?.directive?.version[0] === 2;
  await until(saidAgain, "the directive stands in the new term");
  expect(held.device.standing).toBe("isolate");
  await harbor.release([held.number]);
  await harbor.speaking(held);
  const versions = [held, freed].map(
    ({ number }) => harbor.service.view.devices.get(number)?.release?.version,
  );
  expect(versions).toEqual([
    [2, 2], // above the directive that it took back, which stands again in the new term
    [1, 3], // the one that it took back
  ]);
});
