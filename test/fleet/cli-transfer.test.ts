/** `daymark transfer give | take`: a device changes its owner by files alone, and the people who must agree do. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deviceCommands as ownDeviceCommands } from "../../device/commands.js";
import { deviceCommands } from "../../fleet/cli/commands/device.js";
import { quarantineCommands } from "../../fleet/cli/commands/quarantine.js";
import { releaseCommands } from "../../fleet/cli/commands/release.js";
import { transferCommands } from "../../fleet/cli/commands/transfer.js";
import { fromBase64Url } from "../../fleet/events.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { inProcess, noun } from "./in-process.js";
import { type QuorumFleet, serveQuorumFleet } from "./quorum-fleet.js";

let [giver, taker] = [] as unknown as [QuorumFleet, QuorumFleet];
beforeAll(async () => {
  [giver, taker] = [await serveQuorumFleet(0), await serveQuorumFleet(3, "lake")];
  await writeFile(path("theirs"), authorityOf(taker));
  await writeFile(path("ours"), authorityOf(giver));
});
afterAll(async () => {
  await giver.close();
  await taker.close();
});

const routes = {
  device: noun({ ...deviceCommands, ...ownDeviceCommands }),
  quarantine: noun(quarantineCommands),
  release: noun(releaseCommands),
  transfer: noun(transferCommands),
};
const at = (fleet: QuorumFleet, ...args: readonly string[]) => inProcess(routes, fleet.data, args);
const path = (name: string) => join(giver.files, name);
const fleetId = ({ service }: QuorumFleet) => toHex(service.trust.fleetId);
const authorityOf = ({ service }: QuorumFleet) =>
  fromBase64Url(service.view.authorities.get(1)?.signed ?? "");

async function json(fleet: QuorumFleet, ...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await at(fleet, ...args, "-j");
  expect({ args, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout);
}

const give = (to = "theirs", ...more: readonly string[]) =>
  at(
    giver,
    "transfer",
    "give",
    "1",
    "--to",
    path(to),
    "--out",
    path("handover"),
    "--reason",
    "sold",
    ...more,
  );
const take = (from: QuorumFleet, ...more: readonly string[]) =>
  at(taker, "transfer", "take", path("handover"), "--from", fleetId(from), "--out", path("arrival"), ...more);

test("asked for, signed by two of the transfer keys, written, taken, and carried to the device", async () => {
  const birth = ["--hardware-id", "SN-1", "--station", giver.url, "--dir", path("camera")];
  await json(giver, "device", "birth", ...birth, "--token-file", join(giver.data, "fleet/tokens/admin"));

  const asked = await give();
  expect(asked).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("repeat this command") });
  expect(asked.stdout).toContain(`give to fleet ${fleetId(taker)}`);
  await expect(readFile(path("handover"))).rejects.toThrow("ENOENT");
  const { request } = JSON.parse((await give("theirs", "-j")).stdout);
  expect(giver.service.view.acts.size).toBe(1);
  expect(request).toMatchObject({ kind: "give", owner: fleetId(taker), state: "awaiting-signatures" });

  await json(giver, "release", "draft", request.id, "--out", path("draft"));
  for (const [n, file, out] of [
    [1, "draft", "one"],
    [2, "one", "two"],
  ] as const) {
    const key = ["--key", giver.transferKey(n), "--fleet", fleetId(giver)];
    const { documents } = await json(giver, "release", "sign", path(file), ...key, "--out", path(out));
    expect(documents).toMatchObject([{ document: "voucher", signatures: n, threshold: 2 }]);
    expect(documents[0].about).toBe(`hardware ${toHex(utf8("SN-1"))}`);
    expect(documents[0].says).toContain(`GIVEN for good to fleet ${fleetId(taker)}`);
  }
  const release = ["--key", giver.releaseKey(1), "--fleet", fleetId(giver), "--out", path("no")];
  expect(await at(giver, "release", "sign", path("draft"), ...release)).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining("no transfer key"),
  });
  const early = await at(giver, "release", "submit", path("one"), "-j");
  expect(early.exitCode).toBe(5);
  expect(JSON.parse(early.stdout).items).toMatchObject([{ code: "quorum-missing", missing: 1 }]);
  await json(giver, "release", "submit", path("two"));
  expect(await give()).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("transfer take") });
  expect(await json(giver, "device", "get", "1")).toMatchObject({ givenTo: fleetId(taker), level: "none" });
  const written = await readFile(path("handover"));
  expect(await give()).toMatchObject({ exitCode: 0 });
  expect(await readFile(path("handover"))).toEqual(written);

  const taken = await take(giver);
  expect(taken).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("device apply") });
  expect(taken.stdout).toMatch(/device +4/);
  const carried = ["--dir", path("camera"), "--out", path("receipt")];
  expect(await json(taker, "device", "apply", path("arrival"), ...carried)).toMatchObject({
    number: 4,
    refused: [],
  });
  const again = JSON.parse((await take(giver, "-j")).stdout);
  expect(again).toEqual({
    number: 4,
    level: "none",
    from: fleetId(giver),
    maker: fleetId(giver),
    out: path("arrival"),
  });
});

test("what cannot be given or taken says why", async () => {
  expect(await give("ours")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("owns the device"),
  });
  await writeFile(path("neither"), "hello");
  expect(await give("neither")).toMatchObject({ exitCode: 2 });
  expect(await take(taker)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(`fleet ${fleetId(giver)} that gives`),
  });
  const unknown = ["7", "--to", path("theirs"), "--out", path("x"), "--reason", "sold"];
  expect(await at(giver, "transfer", "give", ...unknown)).toMatchObject({ exitCode: 3 });
  expect(
    await at(taker, "transfer", "take", path("handover"), "--from", "abc", "--out", path("x")),
  ).toMatchObject({
    exitCode: 2,
  });
});

test("a server without a station takes nothing", async () => {
  const { createApi } = await import("../../fleet/api/app.js");
  const api = createApi(taker.service, { actorOf: () => "operator" });
  const body = JSON.stringify({ handover: "AA", from: fleetId(giver) });
  const headers = { "content-type": "application/json", authorization: "Bearer x" };
  expect((await api.request("/v1/transfers/take", { method: "POST", headers, body })).status).toBe(404);
});
