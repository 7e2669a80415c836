/** A server that was put back from an older copy, told so by what it has said itself; and how it comes back (P3, P9). */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Sailor } from "./aboard.js";
import { bring } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { recovered } from "./mending.js";

let harbor: Harbor;
beforeEach(async () => {
  harbor = await Harbor.open();
});
afterEach(async () => {
  await harbor.close();
});

async function end(): Promise<number> {
  let position = 0;
  for await (const record of harbor.service.options.log.read(0)) position = record.position;
  return position;
}
const beacon = () => Buffer.from(harbor.service.view.beacon?.signed ?? "", "base64url");
const isTold = (event: Sailor["events"][number]) =>
  event.type === "refused-request" && event.code === "fleet-unreachable";
const levelAt = ({ number }: Sailor) => harbor.service.view.devices.get(number)?.level;

test("P7: a hold that was lost stays on its device, until a release in the new term", async () => {
  const camera = await harbor.working();
  const position = await end();
  await harbor.hold([camera.number], "isolate");
  await until(() => camera.device.standing === "isolate", "it is held");
  const lost = beacon();
  await harbor.restore(position);
  await bring(harbor.service, lost);
  await expect(harbor.release([camera.number])).rejects.toMatchObject({ code: "fenced" });
  await recovered(harbor, "the backup was a day old");
  expect(levelAt(camera)).toBe("none"); // nobody here knows of the hold
  await harbor.stop(camera);
  await harbor.start(camera);
  const lease = () => harbor.service.view.devices.get(camera.number)?.lease;
  await until(() => lease()?.required.authority === 2, "it has a lease of the new terms");
  expect(camera.device.standing).toBe("isolate");
  await harbor.release([camera.number]);
  await harbor.speaking(camera);
  expect(harbor.service.view.devices.get(camera.number)?.release?.version[0]).toBe(2);
});

test("P9: while its fleet says nothing, a device goes on under its lease, and speaks again when that is over", async () => {
  const [camera, other] = [await harbor.working(), await harbor.working()];
  const position = await end();
  await harbor.hold([other.number], "isolate");
  const lost = beacon();
  await harbor.restore(position);
  await bring(harbor.service, lost);
  await harbor.stop(camera);
  await harbor.start(camera);
  await until(() => camera.events.some(isTold), "it is told to wait");
  expect(camera.device.level).toBe("none");
  await recovered(harbor, "the backup was a day old");
  await harbor.stop(camera);
  await harbor.start(camera);
  await harbor.speaking(camera);
  expect(harbor.service.trust.authority.value.terms).toMatchObject({ directive: 2, ledger: 2, time: 2 });
});

test("P7: no number of a device that was born in the lost time is given to another, and it is no member", async () => {
  const camera = await harbor.working();
  const position = await end();
  const late = await harbor.working();
  await harbor.hold([camera.number], "observe");
  await harbor.hold([late.number], "isolate");
  const lost = beacon();
  await harbor.restore(position);
  await bring(harbor.service, lost);
  await recovered(harbor, "the backup was a day old");
  const next = await harbor.bear();
  expect(next.number).toBeGreaterThan(10_000);
  await harbor.stop(late);
  await harbor.start(late);
  await until(() => late.events.some(({ type }) => type === "refused-request"), "it is refused");
  expect(harbor.service.view.devices.has(late.number)).toBe(false);
});
