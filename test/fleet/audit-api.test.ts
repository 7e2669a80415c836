/** `/v1/audit` and the key behind it: what is served, to how many, and when nothing is signed. */
import { chmod, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadAuditKey } from "../../fleet/adapters/audit-key.js";
import { privatePem } from "../../fleet/adapters/key-files.js";
import { noteKeyText } from "../../fleet/audit/note.js";
import { fromBase64Url, toBase64Url } from "../../fleet/events.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { AuditedFleet, verdictOn } from "./audit-log.js";
import { entropy, temporaryFolder } from "./served-fleet.js";

/** How reading an answer ends: "whole", or with the code of what broke it off. */
const outcome = (answer: Response): Promise<string> =>
  answer.arrayBuffer().then(
    () => "whole",
    (error: { code: string }) => error.code,
  );

describe("the API", () => {
  let audited: AuditedFleet;
  beforeEach(async () => {
    audited = await AuditedFleet.open();
  });
  afterEach(() => audited.close());
  const status = async (path: string) => (await audited.api.request(path)).status;

  test("tells the key, and the newest checkpoint once there is one", async () => {
    const answer = await audited.api.request("/key");
    expect(await answer.json()).toEqual({ key: noteKeyText(audited.key, crypto) });
    expect(await status("/checkpoint")).toBe(404);
    const note = await audited.checkpoint();
    expect(await (await audited.api.request("/checkpoint")).json()).toEqual({ checkpoint: note });
  });

  test("exports an empty fleet too, and again when there is more", async () => {
    const keys = [audited.key];
    expect(await verdictOn(await audited.exported(), { keys })).not.toHaveProperty("finding");
    await audited.live(2);
    expect(await verdictOn(await audited.exported(), { keys })).not.toHaveProperty("finding");
  });

  test("P11: sends 4 exports at a time; who gives one up, or reads it, makes room", async () => {
    await audited.live(40); // more than is sent before somebody reads
    const open = await Promise.all(Array.from({ length: 4 }, async () => audited.api.request("/export")));
    const refused = await audited.api.request("/export");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
    await open[0]!.body!.cancel();
    await open[1]!.arrayBuffer();
    expect([await status("/export"), await status("/export"), await status("/export")]).toEqual([
      200, 200, 503,
    ]);
  });

  test("P3: signs no export of a log that has lost its end, nor any checkpoint", async () => {
    const { service } = audited.fleet;
    await audited.live(40);
    const begun = await audited.api.request("/export");
    const proof = { kind: "copy", worker: "0123456789abcdef", position: 3 } as const;
    await service.record("fleet", () => ({ type: "fence-raised", proof }));
    expect(await status("/export")).toBe(503);
    expect(await outcome(begun)).toBe("fenced");
    await expect(audited.checkpoint()).rejects.toMatchObject({ code: "fenced" });
  });

  test("P4: exports no log that a checkpoint in it contradicts", async () => {
    await audited.live(1);
    const note = await audited.checkpoint();
    const root = toBase64Url(crypto.sha256(fromBase64Url("AAAA")));
    const fact = { type: "checkpoint-signed", size: 2, root, note } as const;
    await audited.fleet.service.record("fleet", () => fact);
    const answer = await audited.api.request("/export");
    expect(await outcome(answer)).toBe("storage-failed");
    expect(audited.reported).toMatchObject([{ code: "storage-failed" }]);
  });
});

describe("the key", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());
  const load = (isInUse = false) => loadAuditKey(folder.path, crypto, entropy, isInUse);
  const path = () => join(folder.path, "audit.pem");

  test("is made once, for the owner alone, and is the same at the next start", async () => {
    const first = await load();
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect(first.publicKey.algorithm).toBe("Ed25519");
    for (const isInUse of [false, true]) expect((await load(isInUse)).publicKey).toEqual(first.publicKey);
  });

  test("that is lost is not made anew behind the auditors' backs", async () => {
    await load();
    await rm(path());
    await expect(load(true)).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining("backup"),
    });
    await expect(stat(path())).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("that others can read is refused", async () => {
    await load();
    await chmod(path(), 0o640);
    await expect(load()).rejects.toMatchObject({
      code: "denied",
      message: expect.stringContaining("chmod 600"),
    });
  });

  test.each([
    ["of another kind", () => privatePem(crypto.generate("ES256", entropy))],
    ["that is none", () => "-----BEGIN\nnothing"],
  ])("%s is refused, and stays as it is", async (_, text) => {
    await writeFile(path(), text(), { mode: 0o600 });
    await expect(load()).rejects.toMatchObject({ code: "storage-failed" });
    expect((await stat(path())).size).toBeGreaterThan(10);
  });
});
