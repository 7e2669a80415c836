/** `daymark recover` on a data folder: what it says, what it changes, and a server that starts on what it leaves. */
import { cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildRouteMap } from "@stricli/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { privatePem } from "../../fleet/adapters/key-files.js";
import { chainHash, draft, sealRecord } from "../../fleet/adapters/record-chain.js";
import { auditRoutes } from "../../fleet/api/audit.js";
import { type EventResource, eventRoutes } from "../../fleet/api/events.js";
import { originOf, signCheckpoint } from "../../fleet/audit/checkpoint.js";
import { checkpointLine, headerLine, recordLine } from "../../fleet/audit/export-lines.js";
import { noteKeyText } from "../../fleet/audit/note.js";
import { Trail } from "../../fleet/audit/trail.js";
import { takeItem } from "../../fleet/bundles.js";
import { aboutEvent } from "../../fleet/cli/audit-words.js";
import { caCommands } from "../../fleet/cli/commands/ca.js";
import { recover } from "../../fleet/cli/commands/recover.js";
import { EXIT } from "../../fleet/cli/exit.js";
import { inFolder } from "../../fleet/cli/recover-place.js";
import { type Fleet, openFleet } from "../../fleet/main.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { LogRecord } from "../../fleet/ports.js";
import type { ClosedLog } from "../../fleet/recovery/closed-log.js";
import { refill } from "../../fleet/recovery/refill.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { must, recordsOf, signedOf } from "./fixtures.js";
import { type Ended, inProcess } from "./in-process.js";
import { testSigner } from "../x509/helpers.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

const routes = { recover, ca: buildRouteMap({ routes: caCommands, docs: { brief: "ca" } }) };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const open: Fleet[] = [];
const at = (...path: string[]) => join(folder.path, ...path);

async function serve(): Promise<Fleet> {
  const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
  const fleet = await openFleet({ folder: at("data", "fleet"), name: "harbour", ...parts });
  open.push(fleet);
  return fleet;
}
async function stop(): Promise<void> {
  for (const fleet of open.splice(0)) await fleet.close();
}
const run = (...args: readonly string[]) => inProcess(routes, at("data"), args);
const mend = (...args: readonly string[]) => run("recover", "--reason", "the disk was replaced", ...args);

async function records(path = at("data", "fleet", "log")): Promise<readonly LogRecord[]> {
  const log = LmdbEventLog.open(path);
  try {
    return await recordsOf(log);
  } finally {
    await log.close();
  }
}
const hashes = (all: readonly LogRecord[]) => all.map(({ hash }) => hash);

/** What the fleet gives an auditor. */
async function exportOf({ service, audit }: Fleet): Promise<string> {
  return (await auditRoutes(service, audit).request("/export")).text();
}

/** In `copy` the log of a fleet; its server has an older one, and was told so by what came back. */
let lost: Uint8Array;
let whole: readonly LogRecord[];
let evidence: string;
let name: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  const fleet = await serve();
  await importDevices(fleet.service, 1, 2);
  await stop();
  await cp(at("data", "fleet", "log"), at("old"), { recursive: true });
  const later = await serve();
  for (const number of [1, 2])
    await later.service.act({ kind: "hold", numbers: [number], level: "isolate", reason: "stolen" }, "admin");
  lost = signedOf(later.service.view.devices.get(2)?.directive);
  evidence = await exportOf(later);
  name = originOf(later.service.trust.fleetId);
  await stop();
  await rename(at("data", "fleet", "log"), at("copy"));
  await rename(at("old"), at("data", "fleet", "log"));
  whole = await records(at("copy"));
  const restored = await serve();
  await takeItem(restored.service, lost, "courier");
  if (restored.service.stopped?.code !== "fenced") throw new Error("the fence was to be raised");
  await stop();
});
afterEach(async () => {
  await stop();
  await folder.remove();
});

describe("from a copy", () => {
  test("P4: every lost record is back, none twice, and the server signs again", async () => {
    const planned = await mend("--from", at("copy"));
    expect(planned.exitCode).toBe(EXIT.conflict);
    expect(planned.stdout).toMatch(
      /came back that the log does not know.*copy +\d+ records.*refill +\d+ records after/s,
    );
    expect((await mend("--from", at("copy"), "--dry-run")).exitCode).toBe(EXIT.ok);
    expect(await records()).toHaveLength(whole.length - 6 + 1); // as it was: two acts of three records each are lost
    const done = await mend("--from", at("copy"), "--yes", "-j");
    expect([done.exitCode, JSON.parse(done.stdout)]).toMatchObject([
      EXIT.ok,
      { refill: "replace", missing: 6, aside: 1, lift: "refilled", done: true },
    ]);
    const now = await records();
    expect(hashes(now.slice(0, -1))).toEqual(hashes(whole));
    const [lifted] = must(now.at(-1)).events;
    expect(lifted).toMatchObject({ type: "fence-lifted", actor: "admin", reason: "the disk was replaced" });
    expect(lifted).toMatchObject({ fence: { kind: "document", name: "directive" } }); // else it stood in what was put aside alone
    const fleet = await serve();
    await fleet.service.act({ kind: "hold", numbers: [1], level: "revoked", reason: "sold" }, "admin");
    expect(fleet.service.view.devices.get(2)?.directive?.version).toEqual([1, 2]);
    expect(fleet.service.stopped).toBeUndefined();
  });

  test("what the log has of its own is kept beside it, and a stopped run leaves nothing in the way", async () => {
    const own = hashes(await records());
    await mkdir(at("data", "fleet", "log.mended"));
    await writeFile(at("data", "fleet", "log.mended", "data.mdb"), "half of a log");
    expect((await mend("--from", at("copy"), "--yes")).exitCode).toBe(EXIT.ok);
    const names = await readdir(at("data", "fleet"));
    expect(names).not.toContain("log.mended");
    const aside = must(names.find((name) => name.startsWith("log.before-")));
    expect(hashes(await records(at("data", "fleet", aside)))).toEqual(own);
    const again = await mend("--from", at("copy"), "--yes");
    expect([again.exitCode, again.stderr]).toEqual([EXIT.conflict, expect.stringContaining("no fence")]);
  });

  test("of which the log is a beginning: what is missing is appended", async () => {
    await rm(at("data", "fleet", "log"), { recursive: true });
    const log = LmdbEventLog.open(at("data", "fleet", "log"));
    const ends = new Map<string, number>();
    for (const { subject, events } of whole.slice(0, 4))
      ends.set(subject, await log.append(subject, events, ends.get(subject) ?? 0));
    await log.close();
    const done = await mend("--from", at("copy"), "--yes", "-j");
    expect(JSON.parse(done.stdout)).toMatchObject({ refill: "append", missing: whole.length - 4, aside: 0 });
    expect(hashes((await records()).slice(0, -1))).toEqual(hashes(whole));
  });

  test("P3: half of a lost log is never in its place", async () => {
    await rm(at("data", "fleet", "log"), { recursive: true });
    const copy = LmdbEventLog.open(at("copy"));
    const half = async (log: ClosedLog) => {
      let left = 5;
      const append: ClosedLog["append"] = (...record) =>
        left-- > 0 ? log.append(...record) : Promise.reject(new Error("stopped"));
      await refill({ read: (from) => log.read(from), append }, copy);
    };
    const how = { aside: undefined, until: whole.length + 1 };
    await expect(inFolder(at("data", "fleet")).mend(half, how)).rejects.toThrow("stopped");
    await copy.close();
    await expect(serve()).rejects.toMatchObject({ code: "storage-failed" });
    expect((await mend("--from", at("copy"), "--yes")).exitCode).toBe(EXIT.ok);
    expect(hashes((await records()).slice(0, -1))).toEqual(hashes(whole));
    expect((await serve()).service.stopped).toBeUndefined();
  });

  test("P4: in a folder that a server has open, is not opened", async () => {
    await cp(at("data"), at("other"), { recursive: true });
    await rm(at("other", "fleet", "log"), { recursive: true });
    await cp(at("copy"), at("other", "fleet", "log"), { recursive: true });
    const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
    const other = await openFleet({ folder: at("other", "fleet"), ...parts });
    open.push(other);
    for (const path of [at("other"), at("other", "fleet"), at("other", "fleet", "log")]) {
      const refused = await mend("--from", path, "--yes");
      expect([refused.exitCode, refused.stderr]).toEqual([
        EXIT.conflict,
        expect.stringContaining("stop that"),
      ]);
    }
    await stop();
    expect((await mend("--from", at("other"), "--dry-run")).stdout).toMatch(/copy +\d+ records: .*other\n/);
    expect(await readdir(at("other", "fleet"))).not.toContain("lock");
  });

  test("of another fleet, or in a folder where none is, is refused", async () => {
    const other = LmdbEventLog.open(at("other"));
    const created = { type: "fleet-created", name: "other", at: 1, actor: "fleet" } as const;
    await other.append("fleet", [created], 0);
    await other.close();
    expect((await mend("--from", at("other"), "--yes")).stderr).toContain("another fleet");
    expect((await mend("--from", at("nowhere"), "--yes")).exitCode).toBe(EXIT.notFound);
  });

  test("a folder without a fleet is refused, and a plan makes nothing in any", async () => {
    const nowhere = await inProcess(routes, at("empty"), [
      "recover",
      "--from",
      at("copy"),
      "--reason",
      "r",
      "--yes",
    ]);
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([
      EXIT.notFound,
      expect.stringContaining("restore a backup first"),
    ]);
    expect(await readdir(folder.path)).not.toContain("empty");
    await rm(at("data", "fleet", "log"), { recursive: true });
    const before = await readdir(at("data", "fleet"));
    const planned = await mend("--from", at("copy"), "--dry-run", "-j");
    expect(JSON.parse(planned.stdout)).toMatchObject({ refill: "append", missing: whole.length });
    expect(await readdir(at("data", "fleet"))).toEqual(before);
    expect((await mend("--from", at("copy"), "--yes")).exitCode).toBe(EXIT.ok);
    expect(hashes((await records()).slice(0, -1))).toEqual(hashes(whole));
  });

  test("while a server has the folder open, nothing is touched", async () => {
    await serve();
    const refused = await mend("--from", at("copy"), "--yes");
    expect([refused.exitCode, refused.stderr]).toEqual([EXIT.conflict, expect.stringContaining("stop that")]);
  });
});

describe("from an audit export", () => {
  /** Lines of the genuine one: header, records, checkpoint. */
  const lines = () => evidence.trimEnd().split("\n");
  const text = (of: readonly string[]) => `${of.join("\n")}\n`;
  const path = () => at("harbour.audit");
  const keyPath = () => at("data", "fleet", "keys", "audit.pem");
  async function mendFrom(content: string | Uint8Array, ...args: readonly string[]) {
    await writeFile(path(), content);
    return mend("--from", path(), "--yes", ...args);
  }
  /** Everything in the folder of the fleet that a refusal may not touch. */
  async function contents(): Promise<readonly unknown[]> {
    return [(await readdir(at("data", "fleet"))).toSorted(), hashes(await records())];
  }

  /** What somebody writes who knows how, hashes and all: a wipe that two operators would have agreed on. */
  function forged(): readonly string[] {
    const target = { act: "00000000deadbeef", number: 1 };
    const events = [
      { type: "act-requested", ...target, count: "wipe", at: 1, actor: "admin" },
      { type: "act-approved", ...target, digest: "0000000000000000", at: 1, actor: "approver" },
    ] as unknown as readonly FleetEvent[];
    let previous = must(whole.at(-1)).hash;
    const added = events.map((event, i) => {
      const sealed = sealRecord(whole.length + 1 + i, draft("act/00000000deadbeef", [event]), previous);
      previous = chainHash(sealed);
      return recordLine(previous, sealed.slice(previous.length + 1));
    });
    return [...lines().slice(0, -1), ...added];
  }
  /** The same with a checkpoint over all of it, by a key of the forger's. */
  function signed(records: readonly string[], header: string): readonly string[] {
    const thief = { name, key: testSigner("Ed25519", "thief") };
    const trail = new Trail(nodeCrypto);
    for (const line of records.slice(1)) trail.add((JSON.parse(line) as LogRecord).hash);
    return [header, ...records.slice(1), checkpointLine(signCheckpoint(trail.tree, thief, nodeCrypto))];
  }
  const thiefs = () =>
    headerLine(noteKeyText({ name, publicKey: testSigner("Ed25519", "thief").publicKey }, nodeCrypto));

  test("P4: one that verifies is a copy: every lost record is back", async () => {
    expect((await mendFrom(evidence)).exitCode).toBe(EXIT.ok);
    expect(hashes((await records()).slice(0, -1))).toEqual(hashes(whole));
    expect((await serve()).service.stopped).toBeUndefined();
  });

  test.each<[string, RegExp, () => string | Uint8Array]>([
    ["without its checkpoint", /cut behind record \d+.*bring it again/, () => text(lines().slice(0, -1))],
    ["cut within a record", /cut behind record/, () => evidence.slice(0, evidence.length / 2)],
    ["of nothing", /cut behind record 0/, () => ""],
    ["with a record left out", /record 4 is missing.*another copy/, () => text(lines().toSpliced(4, 1))],
    ["with another record", /record 4 is not as/, () => text(lines().with(4, must(lines()[4]).slice(0, -2)))],
    ["with more records, hashes anew", /cut behind record/, () => text(forged())],
    [
      "with more records before its checkpoint",
      /2 records were added behind record \d+/,
      () => text([...forged(), must(lines().at(-1))]),
    ],
    [
      "with more records, signed by somebody else",
      /first line.*keys\/audit\.pem.*--audit-key/,
      () => text(signed(forged(), thiefs())),
    ],
    [
      "with more records, signed by somebody else under this key's name",
      /at the end is not signed by a key that was given/,
      () => text(signed(forged(), must(lines()[0]))),
    ],
    ["that is a backup", /backup has to be restored first/, () => Buffer.from("daymark-backup\r\n\x01\x11")],
  ])("P13: one %s is refused, and nothing is changed", async (_, reason, content) => {
    const before = await contents();
    const refused = await mendFrom(content());
    expect([refused.exitCode, refused.stdout]).toEqual([EXIT.notVerified, ""]);
    expect(refused.stderr).toMatch(reason);
    expect(refused.stderr).toMatch(/nothing was changed/);
    expect((await mendFrom(content(), "--new-terms")).exitCode).toBe(EXIT.notVerified);
    expect(await contents()).toEqual(before);
  });

  test("one of another fleet is refused, also where the log is lost and nothing else tells", async () => {
    const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
    const other = await openFleet({ folder: at("other", "fleet"), name: "other", ...parts });
    open.push(other);
    const theirs = await exportOf(other);
    await stop();
    await rm(at("data", "fleet", "log"), { recursive: true });
    const before = await readdir(at("data", "fleet"));
    const refused = await mendFrom(theirs);
    expect([refused.exitCode, refused.stderr]).toEqual([
      EXIT.notVerified,
      expect.stringContaining("only an export of this fleet"),
    ]);
    expect(await readdir(at("data", "fleet"))).toEqual(before);
    expect((await mendFrom(evidence)).exitCode).toBe(EXIT.ok);
  });

  test("an earlier key of the fleet counts when its owner names it", async () => {
    const header = JSON.parse(must(lines()[0])) as { readonly key: string };
    await rm(keyPath());
    const lacking = await mendFrom(evidence);
    expect([lacking.exitCode, lacking.stderr]).toEqual([
      EXIT.failed,
      expect.stringMatching(/audit\.pem is missing/),
    ]);
    await writeFile(keyPath(), privatePem(nodeCrypto.generate("Ed25519", entropy)), { mode: 0o600 });
    expect((await mendFrom(evidence)).exitCode).toBe(EXIT.notVerified);
    expect((await mendFrom(evidence, "--audit-key", header.key)).exitCode).toBe(EXIT.ok);
    expect(hashes((await records()).slice(0, -1))).toEqual(hashes(whole));
  });
});

describe("with new terms", () => {
  test("the root key in the folder signs them, and the server goes on above what was lost", async () => {
    expect((await mend()).exitCode).toBe(EXIT.usage); // say how
    expect((await mend("--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
    const { service } = await serve();
    expect(service.view.era).toBe(1);
    expect(service.trust.authority.value).toMatchObject({ version: 2, terms: { directive: 2, ledger: 2 } });
    expect(service.view.devices.get(2)?.level).toBe("isolate"); // what came back
    await service.act({ kind: "hold", numbers: [1], level: "isolate", reason: "again" }, "admin");
    expect(service.view.devices.get(1)?.directive?.version).toEqual([2, 1]);
  });

  test("P13: what stands in the log is the name of whose token it was, and a reason", async () => {
    const nobody = await mend("--new-terms", "--yes", "--as", "nobody");
    expect([nobody.exitCode, nobody.stderr]).toEqual([
      EXIT.notFound,
      expect.stringContaining("tokens/nobody"),
    ]);
    const args = ["recover", "--new-terms", "--yes", "--reason", " "];
    const blank = await run(...args);
    expect([blank.exitCode, blank.stderr]).toEqual([EXIT.usage, expect.stringContaining("give a reason")]);
  });

  test("with -j it says that it is done once it is", async () => {
    const done = ({ exitCode, stdout }: Ended) => [exitCode, (JSON.parse(stdout) as { done: boolean }).done];
    expect(done(await mend("--new-terms", "-j"))).toEqual([EXIT.conflict, false]);
    expect(done(await mend("--new-terms", "--dry-run", "--yes", "-j"))).toEqual([EXIT.ok, false]);
    const link = ["--link", at("nowhere")];
    expect(done(await mend("--new-terms", ...link, "--yes", "-j"))).toEqual([EXIT.notFound, false]);
    expect(done(await mend("--new-terms", "--yes", "-j"))).toEqual([EXIT.ok, true]);
  });

  test("a start with --nats that came to nothing makes no worker's folder of it", async () => {
    await writeFile(at("data", "fleet", "worker.json"), JSON.stringify({ id: "0123456789abcdef" }));
    expect((await mend("--new-terms", "--dry-run")).exitCode).toBe(EXIT.ok);
  });

  test("P8: with the root key elsewhere, it names the ceremony, and takes what that has made", async () => {
    await rename(at("data", "fleet", "keys", "root.pem"), at("root.pem"));
    const told = await mend("--new-terms", "--yes");
    expect(told.exitCode).toBe(EXIT.conflict);
    const before = await records();
    const [chain, next] = [at("chain.bundle"), at("next.authority")];
    const lines = told.stderr.split("\n").filter((line) => line.startsWith("  daymark "));
    const named = { "chain.bundle": chain, "next.authority": next, "ROOT.pem": at("root.pem") };
    const words = lines.slice(0, 3).map((line) => {
      const [, , , ...rest] = line.split(" ");
      return rest.map((word) => named[word as keyof typeof named] ?? word);
    });
    for (const command of words) {
      const { exitCode, stderr } = await run(...command);
      expect([exitCode, stderr]).toEqual([EXIT.ok, expect.anything()]);
    }
    expect(lines[3]).toContain("--new-terms --link next.authority");
    expect(hashes(await records())).toEqual(hashes(before));
    expect((await mend("--new-terms", "--link", next, "--yes")).exitCode).toBe(EXIT.ok);
    const { service } = await serve();
    expect(service.stopped).toBeUndefined();
  });

  test("the audit says why nobody signed, and whose copy was left out", async () => {
    const id = "0123456789abcdef";
    const args = ["--from", at("copy"), "--without", id, "--new-terms", "--yes"];
    expect((await mend(...args)).exitCode).toBe(EXIT.ok);
    const answer = await eventRoutes((await serve()).service).request("/");
    const lines = (await answer.text()).trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line) as EventResource);
    const lifted = must(events.find(({ type }) => type === "fence-lifted"));
    const fence = "a directive 1.2 came back that the log does not know";
    expect(lifted).toMatchObject({ fence, without: [id], reason: "the disk was replaced" });
    expect(aboutEvent(lifted)).toBe(`${fence}  without ${id}  (the disk was replaced)`);
  });

  test("beside a copy, where things were said since", async () => {
    const own = LmdbEventLog.open(at("data", "fleet", "log"));
    const before = await recordsOf(own);
    await own.close();
    await rm(at("data", "fleet", "log"), { recursive: true });
    const log = LmdbEventLog.open(at("data", "fleet", "log"));
    const ends = new Map<string, number>();
    for (const { subject, events } of before.slice(0, -1))
      ends.set(subject, await log.append(subject, events, ends.get(subject) ?? 0));
    await log.close();
    const { service } = await serve();
    await service.act(
      { kind: "hold", numbers: [1], level: "observe", reason: "not known to be held" },
      "admin",
    );
    await takeItem(service, lost, "courier");
    await stop();
    const refused = await mend("--from", at("copy"), "--yes");
    expect([refused.exitCode, refused.stderr]).toEqual([
      EXIT.conflict,
      expect.stringContaining("--new-terms"),
    ]);
    expect((await mend("--from", at("copy"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
    const mended = await serve();
    const now = await recordsOf(mended.service.options.log);
    expect(hashes(now.slice(0, whole.length))).toEqual(hashes(whole));
    expect(mended.service.view.devices.get(1)?.level).toBe("isolate");
    expect(mended.service.view.era).toBe(1);
  });
});
