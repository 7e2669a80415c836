/** What docs/audit.md says to somebody without Daymark: its program, as it stands there, judges a real export. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noteKeyText } from "../../fleet/audit/note.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { testSigner } from "../x509/helpers.js";
import { AuditedFleet, verdictOn } from "./audit-log.js";
import { must } from "./fixtures.js";
import { temporaryFolder } from "./served-fleet.js";

let audited: AuditedFleet;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeAll(async () => {
  audited = await AuditedFleet.open();
  folder = await temporaryFolder();
  await audited.live(3);
  file = (await audited.exported()).toString();
  const docs = await readFile(join(import.meta.dirname, "../../docs/audit.md"), "utf8");
  await writeFile(join(folder.path, "verify.py"), must(/```python\n(.*?)```/s.exec(docs)?.[1]));
});
afterAll(async () => {
  await audited.close();
  await folder.remove();
});

async function judged(text: string, key = noteKeyText(audited.key, crypto)): Promise<string> {
  const path = join(folder.path, "export");
  await writeFile(path, text);
  return new Promise((resolve) =>
    execFile("/usr/bin/python3", [join(folder.path, "verify.py"), path, key], (error, stdout, stderr) =>
      resolve(error ? stderr.trim() : stdout.trim()),
    ),
  );
}

test("it takes what nobody touched, and comes to the same root", async () => {
  const { records, root } = await verdictOn(Buffer.from(file), { keys: [audited.key] });
  expect(await judged(file)).toBe(`${records} records, root ${root}`);
});

test("it takes nothing else", async () => {
  const lines = file.trimEnd().split("\n");
  const text = (edited: readonly string[]) => `${edited.join("\n")}\n`;
  const other = { name: audited.key.name, publicKey: testSigner("Ed25519", "other").publicKey };
  const otherKey = noteKeyText(other, crypto);
  expect(await judged(text(lines.with(5, must(lines[5]).replace('"at":1', '"at":2'))))).toBe(
    "record 5 is not as it was written",
  );
  expect(await judged(text(lines.toSpliced(5, 1)))).toBe("record 5 is not the one that belongs here");
  expect(await judged(text(lines.toSpliced(-2, 1)))).toBe("the checkpoint is not one of these records");
  expect(await judged(text(lines.slice(0, -1)))).toBe("the file was cut: it does not end with a checkpoint");
  expect(await judged(file.slice(0, -1))).toBe("the file was cut");
  expect(await judged(file, otherKey)).toBe("this is no export by this key");
  const disguised = text(lines.with(0, must(lines[0]).replace(noteKeyText(audited.key, crypto), otherKey)));
  expect(await judged(disguised, otherKey)).toBe("the checkpoint is signed by another key");
  const { checkpoint } = JSON.parse(must(lines.at(-1)));
  const forged = checkpoint.replace(/.{6}=\n$/, "AAAAAA=\n");
  expect(await judged(text(lines.with(-1, JSON.stringify({ checkpoint: forged }))))).toBe(
    "the signature does not hold",
  );
});
