/** Production form: two operators, each with a key of their own and none of them at the server, release together (P13). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import type { Act, FleetEvent } from "../../fleet/events.js";
import type { Signer } from "../../protocol/crypto.js";
import type { Sailor } from "./aboard.js";
import { bring, handOver, noNetwork, questionOf } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { Pen } from "./pen.js";
import { signedDrafts } from "./quorum.js";

let harbor: Harbor;
let camera: Sailor;
/** The operators. */
let first: Signer;
let second: Signer;
beforeEach(async () => {
  harbor = await Harbor.open({ production: true });
  [first, second] = harbor.operators as readonly [Signer, Signer];
  camera = await harbor.working();
});
afterEach(async () => {
  await harbor.close();
});

const level = ({ number }: Sailor = camera) => harbor.service.view.devices.get(number)?.level;
const isolated = async (sailor: Sailor) => {
  await harbor.hold([sailor.number], "isolate");
  await until(() => sailor.device.standing === "isolate", "the device is held");
};
const take = (document: Uint8Array) => takeItem(harbor.service, document, "courier");
const issued = (type: FleetEvent["type"]) => harbor.events.filter((event) => event.type === type);

/** @returns the id of a request that waits for the operators. */
async function requested(act: Act): Promise<string> {
  const { id, refusal } = await harbor.service.act(act, "admin");
  expect(refusal).toBeUndefined();
  return id;
}

const freeing = (...numbers: readonly number[]) =>
  ({ kind: "release", numbers, level: "none", reason: "found" }) as const;

test("P13: a release with one signature of two is refused by the service, and by the device", async () => {
  await isolated(camera);
  const id = await requested(freeing(camera.number));
  for (const one of [first, second]) {
    for (const half of signedDrafts(harbor.service, id, [one])) {
      expect(await take(half)).toMatchObject({ result: "refused", code: "quorum-missing" });
      await handOver(camera, half);
      expect(camera.events.findLast(({ type }) => type === "refused")).toMatchObject({
        code: "quorum-missing",
      });
    }
    for (const twice of signedDrafts(harbor.service, id, [one, harbor.keys.hold]))
      expect(await take(twice)).toMatchObject({ result: "refused", code: "wrong-key" });
  }
  expect([level(), camera.device.standing]).toEqual(["isolate", "isolate"]);
});

test("P13: with both signatures, in either order, a device is free after its next sync", async () => {
  const other = await harbor.working();
  for (const [sailor, signers] of [
    [camera, [first, second]],
    [other, [second, first]],
  ] as const) {
    await isolated(sailor);
    const id = await requested(freeing(sailor.number));
    const [release] = signedDrafts(harbor.service, id, signers);
    if (!release) throw new Error("there is something to sign");
    expect(await take(release)).toMatchObject({ result: "taken" });
    expect(harbor.service.view.acts.get(id)?.finished).toBe(true);
    await until(() => sailor.device.standing === "none", "its sync frees it");
    await harbor.speaking(sailor);
    expect(await take(release)).toMatchObject({ result: "taken" }); // once more: nothing
  }
  expect(issued("release-issued")).toHaveLength(2);
});

test("P13: the same off the network: one signature does nothing, two do with the answer to the device's question", async () => {
  await isolated(camera);
  await harbor.stop(camera);
  await harbor.start(camera, { wrap: noNetwork });
  const id = await requested(freeing(camera.number));
  await handOver(camera, ...signedDrafts(harbor.service, id, [first]));
  const ask = async () =>
    handOver(camera, ...(await bring(harbor.service, (await questionOf(camera)).question)));
  await ask();
  expect(camera.device.standing).toBe("isolate");
  await bring(harbor.service, ...signedDrafts(harbor.service, id, [first, second]));
  await ask();
  expect(camera.device.standing).toBe("none");
});

test("P13: the server's own disk releases nobody", async () => {
  await isolated(camera);
  const { service, keys } = harbor;
  expect(Object.keys(service.keys)).not.toContain("release");
  const act = freeing(camera.number);
  const id = await requested(act);
  const { refusal } = await service.approve(id, service.actDigest(act), "approver");
  expect(refusal?.code).toBe("approval-needed");
  const pen = new Pen(harbor, camera.number);
  for (const key of Object.values(service.keys))
    expect(await take(pen.release([1, 3], "none", {}, key))).toMatchObject({ code: "wrong-key" });
  expect(await take(pen.release([1, 3], "none", {}, keys.hold, keys.lease))).toMatchObject({
    code: "wrong-key",
  });
  expect([level(), issued("release-issued")]).toEqual(["isolate", []]);
});

test("P13: raising very many takes the operators' approval of these very devices, which runs out", async () => {
  const numbers = [camera.number];
  for (let i = 0; i < 10; i++) numbers.push((await harbor.bear()).number);
  const hold = { kind: "hold", numbers, level: "restrict", reason: "recalled" } as const;
  const [id, late] = [await requested(hold), await requested(hold)];
  expect(level()).toBe("none");
  for (const half of signedDrafts(harbor.service, id, [second]))
    expect(await take(half)).toMatchObject({ code: "quorum-missing" });
  const [approval] = signedDrafts(harbor.service, id, [second, first]);
  const overdue = signedDrafts(harbor.service, late, [first, second]);
  await bring(harbor.service, approval ?? new Uint8Array());
  expect(level()).toBe("restrict");
  await until(() => camera.device.standing === "restrict", "the device knows");
  harbor.clock.advance(2 * 86_400_000);
  for (const document of overdue) expect((await take(document)).result).toBe("refused");
  expect(harbor.service.view.acts.get(late)?.approvedBy).toBeUndefined();
});

test("P13: to revoke for good, and to wipe, takes both operators", async () => {
  const numbers = [camera.number];
  const wipe = await requested({ kind: "count", count: "wipe", numbers, reason: "sold" });
  const end = await requested({ kind: "hold", numbers, level: "revoked", reason: "scrapped" });
  for (const id of [wipe, end])
    for (const half of signedDrafts(harbor.service, id, [first]))
      expect(await take(half)).toMatchObject({ code: "quorum-missing" });
  expect(camera.events.filter(({ type }) => type === "act")).toEqual([]);
  await bring(harbor.service, ...signedDrafts(harbor.service, wipe, [first, second]));
  await until(() => harbor.service.view.devices.get(camera.number)?.done.wipe === 1, "it is wiped");
  await harbor.speaking(camera);
  await bring(harbor.service, ...signedDrafts(harbor.service, end, [second, first]));
  expect(level()).toBe("revoked");
  await until(() => camera.device.standing === "revoked", "it knows that this is the end");
  const undo = { ...freeing(camera.number) };
  expect((await harbor.service.act(undo, "admin")).refusal?.code).toBe("conflict");
  const forged = new Pen(harbor, camera.number).release([1, 99], "none", {}, first, second);
  expect(await take(forged)).toMatchObject({ result: "refused", code: "conflict" });
  await handOver(camera, forged);
  expect(camera.device.standing).toBe("revoked"); // even signed by both
});
