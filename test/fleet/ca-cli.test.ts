/** The ceremonies as commands: files in, files out, and a server that lives with what they made. */
import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buildRouteMap } from "@stricli/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import { runDaymark } from "../../fleet/cli/application.js";
import { caCommands } from "../../fleet/cli/commands/ca.js";
import { EXIT } from "../../fleet/cli/exit.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  for (const fleet of open.splice(0)) await fleet.close();
  await folder.remove();
});

const at = (...path: string[]) => join(folder.path, ...path);
const routes = { ca: buildRouteMap({ routes: caCommands, docs: { brief: "ca" } }) };

async function ca(...args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const own = Object.getOwnPropertyDescriptors({ stdout, stderr, env: {}, exitCode: undefined });
  const like = Object.create(process, own) as NodeJS.Process; // the rest is this process's
  await runDaymark(routes, ["ca", ...args], like);
  const said = { stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") };
  return { exitCode: like.exitCode, ...said };
}

/** The same, where it has to work; what it says as JSON. */
async function done(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await ca(...args, "-j");
  if (exitCode !== EXIT.ok) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function serve(data: string): Promise<Fleet> {
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  const fleet = await openFleet({ folder: join(data, "fleet"), name: "unused", ...parts });
  const api = await serveApi(fleet, { port: 0 });
  const close = async () => {
    await api.close();
    await fleet.close();
  };
  open.push({ close });
  return fleet;
}
const install = async (fleet: Fleet, file: string) =>
  takeItem(fleet.service, new Uint8Array(await readFile(file)), "operator");

describe("a fleet that was founded by ceremony", () => {
  test("P8: runs without its root keys, which were never in its folder", async () => {
    const { fleet: id } = await done("init", "--out", at("new"), "--name", "harbour");
    const offline = ["root.pem", "root.pub.pem", "x509-root.pem", "x509-root.pub.pem"];
    expect((await readdir(at("new", "offline"))).sort()).toEqual(offline);
    await rename(at("new", "offline"), at("safe"));
    const fleet = await serve(at("new", "online"));
    expect([toHex(fleet.service.trust.fleetId), fleet.service.view.name]).toEqual([id, "harbour"]);
    const { root, release, ...rest } = fleet.service.keys;
    expect([root, release !== undefined, rest["x509-root"]]).toEqual([undefined, true, undefined]);
    await importDevices(fleet.service, 1, 1);
    expect(fleet.service.view.devices.get(1)?.directive?.signed).toBeDefined();
    const files = await readdir(at("new", "online", "fleet"));
    expect(files).not.toContain("founding.bundle"); // it is in the log now
    for (const key of ["root.pem", "x509-root.pem"])
      expect((await stat(at("safe", key))).mode & 0o777).toBe(0o600);
  });

  test("P13: keeps the release keys apart where it is asked to, two of three, and the transfer keys with them", async () => {
    const made = await done("init", "--out", at("new"), "--releases", "3", "--release-threshold", "2");
    expect([made["release"], made["transfer"]]).toEqual(Array(2).fill(expect.stringMatching(/^2 of 3: /)));
    const offline = await readdir(at("new", "offline"));
    expect(offline.filter((name) => /^(release|transfer)-\d\.pem$/.test(name))).toHaveLength(6);
    const fleet = await serve(at("new", "online"));
    expect(fleet.service.context()).toMatchObject({ releaseOnline: false, transferOnline: false });
    expect([fleet.service.keys.release, fleet.service.keys.transfer]).toEqual([undefined, undefined]);
  });

  test("P13: keeps as many transfer keys apart as it is told, also where the release key stays", async () => {
    await done("key", "transfer", "--out", at("operator"));
    const given = ["--transfer-key", at("operator", "transfer.pub.pem")];
    const own = ["--transfers", "1", ...given, "--transfer-threshold", "2"];
    expect(await done("init", "--out", at("new"), ...own)).toMatchObject({
      release: expect.stringMatching(/^1 of 1: /),
      transfer: expect.stringMatching(/^2 of 2: /),
    });
    const fleet = await serve(at("new", "online"));
    expect(fleet.service.context()).toMatchObject({ releaseOnline: true, transferOnline: false });
    await done("init", "--out", at("single"), "--release-offline");
    const offline = await readdir(at("single", "offline"));
    expect(offline).toEqual(expect.arrayContaining(["release.pem", "transfer.pem"]));
    expect((await ca("init", "--out", at("no"), ...given, "--transfer-threshold", "2")).exitCode).toBe(
      EXIT.usage,
    );
  });

  test("with root keys of other machines waits for their signatures", async () => {
    for (const who of ["operator", "approver"]) await done("key", "root", "--out", at(who));
    const keys = ["operator", "approver"].flatMap((who) => ["--root-key", at(who, "root.pub.pem")]);
    const made = await done("init", "--out", at("new"), ...keys, "--root-threshold", "2");
    expect(made).toMatchObject({ missing: { own: 2, before: 0 } });
    const founding = at("new", "online", "fleet", "founding.bundle");
    await expect(serve(at("new", "online"))).rejects.toMatchObject({ code: "denied" });
    await done("sign", founding, "--key", at("operator", "root.pem"));
    await expect(serve(at("new", "online"))).rejects.toMatchObject({ code: "denied" });
    const signed = await done("sign", founding, "--key", at("approver", "root.pem"));
    expect(signed).toMatchObject({ missing: { own: 0, before: 0 } });
    const fleet = await serve(at("new", "online"));
    expect(toHex(fleet.service.trust.fleetId)).toBe(made["fleet"]);
  });

  test("P3: begins only once: a lost log is not founded again", async () => {
    await done("init", "--out", at("new"));
    await serve(at("new", "online"));
    await open.pop()?.close();
    await rename(at("new", "online", "fleet", "log"), at("lost"));
    await expect(serve(at("new", "online"))).rejects.toMatchObject({ code: "storage-failed" });
  });

  test("P3: does not come over a fleet that is there; over itself, after a crash, it changes nothing", async () => {
    for (const name of ["new", "other"]) await done("init", "--out", at(name));
    const founding = (name: string) => at(name, "online", "fleet", "founding.bundle");
    const [own, strange] = [await readFile(founding("new")), await readFile(founding("other"))];
    const id = toHex((await serve(at("new", "online"))).service.trust.fleetId);
    await open.pop()?.close();
    await writeFile(founding("new"), strange);
    await expect(serve(at("new", "online"))).rejects.toMatchObject({ code: "conflict" });
    expect(await readFile(founding("new"))).toEqual(strange);
    await writeFile(founding("new"), own);
    expect(toHex((await serve(at("new", "online"))).service.trust.fleetId)).toBe(id);
    expect(await readdir(at("new", "online", "fleet"))).not.toContain("founding.bundle");
  });

  test("is made whole or not at all, and over nothing that is there", async () => {
    await mkdir(at("new.new"));
    await writeFile(at("new.new", "left"), "by a crash");
    await done("init", "--out", at("new"));
    expect((await readdir(at("new"))).sort()).toEqual(["offline", "online"]);
    expect((await ca("init", "--out", at("new"))).exitCode).toBe(EXIT.conflict);
    expect((await ca("init", "--out", at("other"), "--root-threshold", "2")).exitCode).toBe(EXIT.usage);
    expect(await readdir(folder.path)).not.toContain("other");
  });
});

describe("the next Authority", () => {
  let fleet: Fleet;
  beforeEach(async () => {
    await done("init", "--out", at("new"));
    fleet = await serve(at("new", "online"));
    await done("export", "--data", at("new", "online"), "--out", at("chain"));
  });
  const rotate = (...args: readonly string[]) => done("rotate", at("chain"), "--out", at("draft"), ...args);
  const sign = (...args: readonly string[]) => done("sign", at("draft"), "--chain", at("chain"), ...args);
  const root = () => ["--key", at("new", "offline", "root.pem")];

  test("P8: a key is made where it stays; its public half is drafted, signed, and brought back", async () => {
    const next = at("new", "online", "fleet", "keys", "next");
    const { key } = await done("key", "hold", "--out", next);
    const drafted = await rotate("--key", `hold=${join(next, "hold.pub.pem")}`, "--term", "directive");
    expect(drafted["hold"]).toContain(`${String(key)}  (was 1 of 1: `);
    expect(drafted["terms"]).toMatch(/^directive 2, .*\(was directive 1, /);
    expect(await sign(...root())).toMatchObject({ missing: { own: 0, before: 0 } });
    expect(await install(fleet, at("draft"))).toMatchObject({ result: "taken" });
    expect(await readdir(next)).toEqual(["hold.pub.pem"]);
    await importDevices(fleet.service, 1, 1);
    expect(fleet.service.view.devices.get(1)?.directive?.version).toEqual([2, 1]);
    await open.pop()?.close();
    expect((await serve(at("new", "online"))).service.trust.authority.value.version).toBe(2);
  });

  test("P4: is not taken while the server lacks a key that it names", async () => {
    await rotate("--fresh", "lease", "--fresh", "factory", "--keys", at("elsewhere"));
    await sign(...root());
    const refused = await install(fleet, at("draft"));
    expect(refused).toMatchObject({ result: "refused", code: "conflict" });
    expect(refused.text).toContain("lease, factory");
    await rename(at("elsewhere"), at("new", "online", "fleet", "keys", "next"));
    expect(await install(fleet, at("draft"))).toMatchObject({ result: "taken" });
  });

  test("P9: raises the terms of what release keys sign with new ones of them, and says so", async () => {
    const drafting = ["rotate", at("chain"), "--out", at("draft")];
    const args = [...drafting, "--fresh", "release", "--keys", at("safe"), "--term", "advisory"];
    const said = await ca(...args, "-j");
    expect(said.stderr).toContain("new term of directive");
    expect(JSON.parse(said.stdout)["terms"]).toMatch(/^directive 2, advisory 2, ledger 1, time 1/);
    await sign(...root());
    expect(await install(fleet, at("draft"))).toMatchObject({ result: "taken" });
    expect(fleet.service.context().releaseOnline).toBe(false);
    const other = await ca(...drafting, "--fresh", "transfer", "--keys", at("safe"), "-j");
    expect(other.stderr).not.toContain("new term");
    expect(JSON.parse(other.stdout)["terms"]).toMatch(/^directive 1, advisory 1, /);
  });

  test("with new CAs takes the key of the X.509 root, and with a new root certifies all again", async () => {
    const next = at("new", "online", "fleet", "keys", "next");
    const x509 = ["--x509-root", at("new", "offline", "x509-root.pem")];
    expect(
      (await ca("rotate", at("chain"), "--out", at("draft"), "--fresh", "device-ca", "--keys", at("k1")))
        .exitCode,
    ).toBe(EXIT.usage);
    await rotate("--fresh", "device-ca", "--keys", next, ...x509);
    await sign(...root());
    expect(await install(fleet, at("draft"))).toMatchObject({ result: "taken" });
    await done("export", "--data", at("new", "online"), "--out", at("chain"));
    const before = fleet.service.trust.authority.value;
    await rotate("--fresh", "x509-root", "--keys", at("k2"));
    await sign(...root());
    expect(await install(fleet, at("draft"))).toMatchObject({ result: "taken" });
    const { anchors, issuers } = fleet.service.trust.authority.value;
    expect(anchors).not.toEqual(before.anchors);
    expect(issuers).toHaveLength(before.issuers.length);
  });

  test("P13: of two root keys that sign in turn, each file goes on to the next", async () => {
    for (const who of ["operator", "approver"]) await done("key", "root", "--out", at(who));
    const keys = ["operator", "approver"].flatMap((who) => ["--key", `root=${at(who, "root.pub.pem")}`]);
    await rotate(...keys, "--threshold", "root=2");
    const files = [at("draft"), at("by-one"), at("by-both"), at("by-all")] as const;
    const add = (from: string, to: string, who: string) =>
      done("sign", from, "--chain", at("chain"), "--key", who, "--out", to);
    await add(files[0], files[1], at("operator", "root.pem"));
    expect(await add(files[1], files[2], at("approver", "root.pem"))).toMatchObject({
      missing: { own: 0, before: 1 },
    });
    expect(await install(fleet, files[2])).toMatchObject({ code: "quorum-missing" });
    await add(files[2], files[3], at("new", "offline", "root.pem"));
    expect(await install(fleet, files[3])).toMatchObject({ result: "taken" });
  });

  test("can be looked at without a key, and is then not signed", async () => {
    await rotate("--term", "time", "--time-base", "2027-01-31T12:00:00Z");
    const before = await readFile(at("draft"));
    const shown = await sign();
    expect(shown["terms"]).toContain("time 2 from 2027-01-31T12:00:00Z");
    expect(await readFile(at("draft"))).toEqual(before);
  });

  const refused: readonly (readonly [string, () => readonly string[], number])[] = [
    [
      "by a key that is no root",
      () => [
        "sign",
        at("draft"),
        "--chain",
        at("chain"),
        "--key",
        at("new", "online", "fleet", "keys", "hold.pem"),
      ],
      EXIT.denied,
    ],
    ["without the chain before it", () => ["sign", at("draft"), ...root()], EXIT.usage],
    ["from a chain that is none", () => ["rotate", at("draft"), "--out", at("other")], EXIT.usage],
    [
      "with a private key where a public one belongs",
      () => [
        "rotate",
        at("chain"),
        "--out",
        at("other"),
        "--key",
        `hold=${at("new", "offline", "root.pem")}`,
      ],
      EXIT.usage,
    ],
    [
      "with a threshold for what is no role",
      () => ["rotate", at("chain"), "--out", at("other"), "--threshold", "device-ca=2"],
      EXIT.usage,
    ],
    [
      "with fresh keys and no folder for them",
      () => ["rotate", at("chain"), "--out", at("other"), "--fresh", "hold"],
      EXIT.usage,
    ],
    [
      "over a key that is there",
      () => ["key", "hold", "--out", at("new", "online", "fleet", "keys")],
      EXIT.conflict,
    ],
    [
      "for a folder without a fleet",
      () => ["export", "--data", at("nowhere"), "--out", at("other")],
      EXIT.notFound,
    ],
  ];
  test.each(refused)("%s: refused, with nothing written", async (_, args, exitCode) => {
    await rotate();
    const before = await readFile(at("draft"));
    expect((await ca(...args())).exitCode).toBe(exitCode);
    expect(await readFile(at("draft"))).toEqual(before);
    expect(await readdir(folder.path)).not.toContain("other");
  });
});
