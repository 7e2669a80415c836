/** `daymark release draft | sign | submit`: what a server alone cannot say, two holders of release keys do. */
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { advisoryCommands } from "../../fleet/cli/commands/advisory.js";
import { authorityCommands } from "../../fleet/cli/commands/authority.js";
import { bundleCommands } from "../../fleet/cli/commands/bundle.js";
import { caCommands } from "../../fleet/cli/commands/ca.js";
import { quarantineCommands } from "../../fleet/cli/commands/quarantine.js";
import { releaseCommands } from "../../fleet/cli/commands/release.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { toHex } from "../../protocol/bytes.js";
import { looksSigned } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { TimeRequest } from "../../protocol/time.js";
import { inProcess, noun } from "./in-process.js";
import { type QuorumFleet, serveQuorumFleet } from "./quorum-fleet.js";

let fleet: QuorumFleet;
let other: QuorumFleet;
beforeAll(async () => {
  fleet = await serveQuorumFleet(12);
  other = await serveQuorumFleet(1, "lake");
});
afterAll(async () => {
  await fleet.close();
  await other.close();
});

const routes = {
  quarantine: noun(quarantineCommands),
  advisory: noun(advisoryCommands),
  release: noun(releaseCommands),
  bundle: noun(bundleCommands),
  authority: noun(authorityCommands),
  ca: noun(caCommands),
};
const daymark = (...args: readonly string[]) => inProcess(routes, fleet.data, args);
/** A machine with no server, no token and no data folder. */
const elsewhere = (...args: readonly string[]) => inProcess(routes, join(fleet.files, "nowhere"), args);
const path = (name: string) => join(fleet.files, name);
const fleetId = ({ service }: QuorumFleet) => toHex(service.trust.fleetId);
const level = (number: number) => fleet.service.view.devices.get(number)?.level;

/** Files a request. @returns its id. */
async function filed(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await daymark(...args, "--reason", "x", "-j");
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return (JSON.parse(stdout) as { id: string }).id;
}

async function drafted(id: string, name: string): Promise<string> {
  expect(await daymark("release", "draft", id, "--out", path(name))).toMatchObject({ exitCode: 0 });
  return path(name);
}

const sign = (file: string, n: number, out: string, ...more: readonly string[]) =>
  elsewhere("release", "sign", file, "--key", fleet.releaseKey(n), "--out", path(out), ...more);
const known = () => ["--fleet", fleetId(fleet)];

test("a lift is drafted, signed by two on machines of their own, and submitted", async () => {
  await filed("quarantine", "request", "1", "--level", "isolate");
  const lifted = await daymark("quarantine", "lift", "1", "--reason", "found again", "-j");
  const { id, state } = JSON.parse(lifted.stdout);
  expect(state).toBe("awaiting-signatures");
  expect(lifted.stderr).toContain(`daymark release draft ${id}`);
  const approved = await daymark("quarantine", "approve", id, "--yes", "--as", "approver");
  expect(approved).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("release draft") });

  const file = await drafted(id, "lift");
  const unsigned = await daymark("release", "submit", file);
  expect(unsigned).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("nobody has signed") });

  const first = await sign(file, 1, "lift-1", ...known());
  expect(first).toMatchObject({ exitCode: 0 });
  expect(first.stdout).toContain("device 1");
  expect(first.stdout).toContain("left at none");
  expect(first.stdout).toContain("1 of 2");
  expect(first.stderr).toContain(`1 document with key`);
  expect(first.stderr).toContain("signatures still missing: 1");
  const early = await daymark("release", "submit", path("lift-1"), "-j");
  expect(early).toMatchObject({ exitCode: 5 });
  expect(JSON.parse(early.stdout).items).toMatchObject([
    { document: "release", about: "device 1", result: "refused", code: "quorum-missing", missing: 1 },
  ]);
  expect(level(1)).toBe("isolate");

  const second = await sign(path("lift-1"), 3, "lift-2", ...known());
  expect(second).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("complete") });
  const submitted = await daymark("release", "submit", path("lift-2"));
  expect(submitted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("taken") });
  expect(level(1)).toBe("none");
  const after = await daymark("quarantine", "status", id, "-j");
  expect(JSON.parse(after.stdout)).toMatchObject({ state: "in-force", progress: { waiting: 0, issued: 1 } });
  expect(await daymark("release", "draft", id, "--out", path("none"))).toMatchObject({ exitCode: 5 });
});

test("final revocation, a wipe, the end of an advisory and a mass act are signed the same way", async () => {
  const numbers = Array.from({ length: 11 }, (_, i) => String(i + 2));
  await filed("advisory", "add", "--match", "number = 5", "--level", "observe");
  const asked = [
    ["quarantine", "request", "2", "--level", "revoked"],
    ["quarantine", "wipe", "3"],
    ["advisory", "remove", "1"],
    ["quarantine", "request", ...numbers.slice(1), "13", "--level", "restrict"],
  ];
  await fleet.service.request(
    {
      type: "import",
      birth: { ...fleet.service.view.devices.get(12)!.birth, number: 13, hardwareId: "aaaa" },
    },
    "test",
  );
  for (const [i, request] of asked.entries()) {
    const file = await drafted(await filed(...request), `many-${i}`);
    const first = await sign(file, 2, `many-${i}-1`, ...known());
    expect(first.stdout).toMatch(
      [/REVOKED for good/, /WIPED, 1 times/, /advisories 1 count no more/, /request [0-9a-f]{16}/][i]!,
    );
    await sign(path(`many-${i}-1`), 1, `many-${i}-2`, ...known());
    expect(await daymark("release", "submit", path(`many-${i}-2`))).toMatchObject({ exitCode: 0 });
  }
  expect([level(2), level(5), level(13)]).toEqual(["revoked", "restrict", "restrict"]);
  const { devices, advisories } = fleet.service.view;
  expect(devices.get(3)?.release?.wipe).toBe(1);
  expect([advisories.active, advisories.removal?.ids]).toEqual([[], [1]]);
});

describe("signing is refused", () => {
  let file: string;
  let chain: string;
  beforeAll(async () => {
    await filed("quarantine", "request", "6", "--level", "restrict");
    file = await drafted(await filed("quarantine", "lift", "6"), "refused");
    chain = path("chain");
    await elsewhere("ca", "export", "--data", fleet.data, "--out", chain);
  });

  test("without a word on which fleet is meant", async () => {
    expect(await sign(file, 1, "out")).toMatchObject({ exitCode: 2 });
    expect(await sign(file, 1, "out", ...known(), "--authority", chain)).toMatchObject({ exitCode: 2 });
  });

  test("for drafts of another fleet", async () => {
    const strange = await sign(file, 1, "out", "--fleet", fleetId(other));
    expect(strange).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("another fleet") });
    const theirs = path("their-chain");
    await elsewhere("ca", "export", "--data", other.data, "--out", theirs);
    expect(await sign(file, 1, "out", "--authority", theirs)).toMatchObject({ exitCode: 4 });
    expect(await sign(file, 1, "good", "--authority", chain)).toMatchObject({ exitCode: 0 });
  });

  test("for drafts that do not say which fleet they are of", async () => {
    const [, draft] = splitBundle(await readFile(file));
    await writeFile(path("bare"), joinBundle([draft!]));
    const bare = await sign(path("bare"), 1, "out", ...known());
    expect(bare).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("Authority version 1") });
  });

  test("with a key that is no release key of the fleet", async () => {
    const args = ["release", "sign", file, "--out", path("out"), ...known(), "--key"];
    expect(await elsewhere(...args, fleet.rootKey)).toMatchObject({ exitCode: 4 });
    expect(await elsewhere(...args, other.releaseKey(1))).toMatchObject({ exitCode: 4 });
  });

  test("twice with one key", async () => {
    await sign(file, 1, "once", ...known());
    const twice = await sign(path("once"), 1, "twice", ...known());
    expect(twice).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("once") });
  });

  test("beside a signature that is not good", async () => {
    await sign(file, 1, "good", ...known());
    const bytes = new Uint8Array(await readFile(path("good")));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(path("spoilt"), bytes);
    const spoilt = await sign(path("spoilt"), 2, "out", ...known());
    expect(spoilt).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("does not verify") });
  });

  test("with anything else in the file", async () => {
    const strange = encodeFrame(TimeRequest, { nonce: new Uint8Array(16) });
    await writeFile(path("strange"), joinBundle([...splitBundle(await readFile(file)), strange]));
    const refused = await sign(path("strange"), 1, "out", ...known());
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("time-request") });
    expect(await sign(chain, 1, "out", ...known())).toMatchObject({ exitCode: 2 });
  });
});

test("several people sign in any order, and what is signed is what was drafted", async () => {
  await filed("quarantine", "request", "7", "8", "--level", "restrict");
  const file = await drafted(await filed("quarantine", "lift", "7", "8"), "order");
  await sign(file, 3, "order-1", ...known());
  await sign(path("order-1"), 2, "order-2", ...known());
  const unsigned = splitBundle(await readFile(file)).filter((item) => !looksSigned(item));
  expect(unsigned).toHaveLength(2);
  const words = async (name: string) => {
    const { stdout } = await elsewhere("bundle", "inspect", name, "-j");
    return (JSON.parse(stdout).documents as { about: string; version: string; says: string }[]).slice(1);
  };
  expect(await words(path("order-2"))).toEqual(await words(file));
  expect(await daymark("release", "submit", path("order-2"))).toMatchObject({ exitCode: 0 });
  expect([level(7), level(8)]).toEqual(["none", "none"]);
});

test("a draft that a newer document overtook is refused, with the cure", async () => {
  await filed("quarantine", "request", "9", "--level", "observe");
  const file = await drafted(await filed("quarantine", "lift", "9"), "late");
  await sign(file, 1, "late-1", ...known());
  await sign(path("late-1"), 2, "late-2", ...known());
  await filed("quarantine", "request", "9", "--level", "isolate");
  const late = await daymark("release", "submit", path("late-2"));
  expect(late).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("draw it up again") });
  expect(level(9)).toBe("isolate");
});

test("the next Authority is put in force, once", async () => {
  const chain = path("rotation-chain");
  await daymark("ca", "export", "--out", chain);
  const next = path("next");
  const rotated = await elsewhere("ca", "rotate", chain, "--out", next, "--term", "directive");
  expect(rotated).toMatchObject({ exitCode: 0 });
  expect(await daymark("authority", "apply", next)).toMatchObject({ exitCode: 2 }); // nobody signed it
  await elsewhere("ca", "sign", next, "--chain", chain, "--key", fleet.rootKey);
  const applied = await daymark("authority", "apply", next, "-j");
  expect(JSON.parse(applied.stdout)).toEqual({ version: 2, taken: 1 });
  expect(JSON.parse((await daymark("authority", "apply", next, "-j")).stdout)).toEqual({
    version: 2,
    taken: 0,
  });
  const shown = await daymark("authority", "show");
  expect(shown.stdout).toMatch(/^version +2$/m);
  expect(shown.stdout).toMatch(/^terms +directive 2/m);
  const stranger = await inProcess(routes, other.data, ["authority", "apply", next]);
  expect(stranger).toMatchObject({ exitCode: 2, stdout: "" });
  await copyFile(next, path("as-bundle")); // the same by the general way
  expect(await daymark("bundle", "apply", path("as-bundle"))).toMatchObject({ exitCode: 0 });
});
