/** Documents by hand: a device that no network reaches is held, confirms, asks, and is freed again. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deviceCommands as ownDeviceCommands } from "../../device/commands.js";
import { deviceActCommands } from "../../fleet/cli/commands/device-acts.js";
import { bundleCommands } from "../../fleet/cli/commands/bundle.js";
import { deviceCommands } from "../../fleet/cli/commands/device.js";
import { quarantineCommands } from "../../fleet/cli/commands/quarantine.js";
import { releaseCommands } from "../../fleet/cli/commands/release.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { toHex } from "../../protocol/bytes.js";
import { inProcess, noun } from "./in-process.js";
import { type QuorumFleet, serveQuorumFleet } from "./quorum-fleet.js";

let fleet: QuorumFleet;
let other: QuorumFleet;
beforeAll(async () => {
  fleet = await serveQuorumFleet(0);
  other = await serveQuorumFleet(1, "lake");
  for (const name of ["camera-1", "camera-2"]) await born(name);
});
afterAll(async () => {
  await fleet.close();
  await other.close();
});

const routes = {
  device: noun({ ...deviceCommands, ...deviceActCommands, ...ownDeviceCommands }),
  quarantine: noun(quarantineCommands),
  release: noun(releaseCommands),
  bundle: noun(bundleCommands),
};
const daymark = (...args: readonly string[]) => inProcess(routes, fleet.data, args);
const path = (name: string) => join(fleet.files, name);
async function json(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await daymark(...args, "-j");
  expect({ args, exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout);
}

/** A device of this name in a folder of this name. */
async function born(name: string): Promise<void> {
  const papers = ["--hardware-id", name, "--model", "camera-2", "--station", fleet.url];
  const token = ["--token-file", join(fleet.data, "fleet/tokens/admin")];
  await json("device", "birth", "--dir", path(name), ...papers, ...token);
}

/** Carries `file` to device 1, and what it writes back to the fleet. */
async function carry(file: string, dir = "camera-1") {
  const told = await json("device", "apply", file, "--dir", path(dir), "--out", path("receipt"));
  await json("bundle", "apply", path("receipt"));
  return told;
}
const status = (...args: readonly string[]) => json("quarantine", "status", ...args);

test("a file quarantines a device that has no network, and its receipt shows who knows", async () => {
  const exported = () => json("bundle", "export", "--device", "1", "--out", path("out"));
  const held = await json("quarantine", "request", "1", "--level", "isolate", "--reason", "reported stolen");
  expect((await status("--device", "1")).documents[0].counts).toEqual({ confirmed: 0, told: 0, dark: 1 });
  const { documents } = await exported();
  expect(documents).toContainEqual(
    expect.objectContaining({
      document: "directive",
      about: "device 1",
      says: "hold at isolate (reported stolen)",
    }),
  );
  expect((await daymark("bundle", "inspect", path("out"))).stdout).toMatch(/directive +device 1 +1\.2 +hold/);

  const told = await carry(path("out"));
  expect(told).toMatchObject({ number: 1, level: "isolate", refused: [] });
  expect(await status("--device", "1")).toMatchObject({
    level: "isolate",
    documents: [{ kind: "directive", version: [1, 2], counts: { confirmed: 1 } }],
    peers: { denying: 0, of: 1 },
  });
  expect(await status(held.id)).toMatchObject({ progress: { confirmed: 1 } });

  await json("bundle", "export", "--device", "2", "--out", path("for-2"));
  await carry(path("for-2"), "camera-2");
  expect(await status("--device", "1")).toMatchObject({ peers: { denying: 1, of: 1 } });
  const { stdout } = await daymark("quarantine", "status", "--device", "1");
  expect(stdout).toContain("1 of 1 hold a ledger that denies it");
});

test("what lifts it counts only with the answer to a question of its own", async () => {
  const { id } = await json("quarantine", "lift", "1", "--reason", "found again");
  await json("release", "draft", id, "--out", path("lift"));
  const known = ["--fleet", toHex(fleet.service.trust.fleetId)];
  const sign = (file: string, n: number, out: string) =>
    json("release", "sign", file, "--key", fleet.releaseKey(n), "--out", out, ...known);
  await sign(path("lift"), 1, path("lift-1"));
  await sign(path("lift-1"), 2, path("lift-2"));
  await json("release", "submit", path("lift-2"));
  await json("bundle", "export", "--device", "1", "--out", path("freed"));
  expect(await carry(path("freed"))).toMatchObject({ level: "isolate" });

  const asked = await json("device", "challenge", "--dir", path("camera-1"), "--out", path("ask"));
  expect(asked).toEqual({ number: 1, out: path("ask") });
  const silent = await daymark("bundle", "apply", path("ask"));
  expect(silent).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("--out") });
  expect(silent.stdout).toMatch(/sync-request +device 1/);
  await json("bundle", "apply", path("ask"), "--out", path("answer"));
  const { documents } = JSON.parse((await daymark("bundle", "inspect", path("answer"), "-j")).stdout);
  expect(documents).toMatchObject([{ document: "sync-reply", about: "device 1" }]);
  expect(await status("--device", "1")).toMatchObject({ documents: [{}, { kind: "release" }] });
  expect(await carry(path("answer"))).toMatchObject({ before: "isolate", level: "none" });
  const replayed = await daymark(
    "device",
    "apply",
    path("answer"),
    "--dir",
    path("camera-1"),
    "--out",
    path("r"),
  );
  expect(replayed.stdout).toContain("level none -> none");
});

test("an act that is asked for once is told to the host, once", async () => {
  await json("device", "reboot", "1", "--reason", "hangs");
  await json("bundle", "export", "--device", "1", "--out", path("reboot"));
  expect(await carry(path("reboot"))).toMatchObject({ acts: ["reboot"] });
  expect(await carry(path("reboot"))).toMatchObject({ acts: [] });
  expect(fleet.service.view.devices.get(1)?.done.reboot).toBe(1);
});

test("a device that has confirmed everything is given no file", async () => {
  const again = await daymark("bundle", "export", "--device", "1", "--out", path("empty"));
  expect(again).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("nothing is lacking") });
  await expect(readFile(path("empty"))).rejects.toMatchObject({ code: "ENOENT" });
});

describe("what does not belong there", () => {
  test("a bundle of another fleet holds nobody, and frees nobody", async () => {
    await inProcess(routes, other.data, [
      "quarantine",
      "request",
      "1",
      "--level",
      "isolate",
      "--reason",
      "x",
    ]);
    await inProcess(routes, other.data, ["bundle", "export", "--device", "1", "--out", path("theirs")]);
    const refused = await daymark(
      "device",
      "apply",
      path("theirs"),
      "--dir",
      path("camera-2"),
      "--out",
      path("r"),
    );
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("refused") });
    expect(refused.stdout).toContain("level none -> none");
    const applied = await daymark("bundle", "apply", path("theirs"), "-j");
    expect(applied).toMatchObject({ exitCode: 1 });
    const { items } = JSON.parse(applied.stdout) as { items: { document: string; result: string }[] };
    expect(items.filter(({ document }) => document === "directive")).toMatchObject([{ result: "refused" }]);
  });

  test("bytes that are no bundle, and a file that is not there", async () => {
    await writeFile(path("text"), "no bundle");
    for (const command of ["inspect", "apply"])
      expect(await daymark("bundle", command, path("text"))).toMatchObject({ exitCode: 1, stdout: "" });
    expect(await daymark("bundle", "inspect", path("nothing"))).toMatchObject({ exitCode: 3 });
    const device = ["--dir", path("camera-2"), "--out", path("r")];
    expect(await daymark("device", "apply", path("nothing"), ...device)).toMatchObject({ exitCode: 3 });
    expect(await daymark("device", "apply", path("text"), ...device)).toMatchObject({ exitCode: 1 });
    const nobody = ["--dir", path("nobody"), "--out", path("r")];
    expect(await daymark("device", "challenge", ...nobody)).toMatchObject({ exitCode: 1 });
    expect(await daymark("bundle", "export", "--device", "99", "--out", path("r"))).toMatchObject({
      exitCode: 3,
    });
  });

  test("an item of a bundle that nobody can read is shown as such", async () => {
    const [first] = splitBundle(await readFile(path("out")));
    const unknown = Uint8Array.of(0x82, 0x19, 0x03, 0xe7, 0xa0); // [999, {}]
    await writeFile(path("strange"), joinBundle([first!, unknown]));
    const shown = await daymark("bundle", "inspect", path("strange"));
    expect(shown).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("unreadable") });
  });
});
