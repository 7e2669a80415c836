/** Files that lmdb would end the process for, without a word: refused before it sees them. */
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { assertWhole } from "../../fleet/adapters/lmdb-file.js";
import { event } from "./event-log-reader.js";

const PAGE = 4096;
const SUBJECTS = 300;
const [BATCHES, APPENDS] = [40, 12];
/** Longer than a page, so that it stands on pages of its own; one batch in so many has such records. */
const [LONG, LONG_BATCH] = [3 * PAGE, 9];

let root: string;
/** As the folder's file was after each batch. */
const files: { readonly path: string; readonly records: number }[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "daymark-lmdb-file-"));
  const log = LmdbEventLog.open(join(root, "log"));
  const heads = new Map<string, number>();
  for (let batch = 0; batch < BATCHES; batch++) {
    const text = "x".repeat(batch % LONG_BATCH === 0 ? LONG : 100);
    const subjects = Array.from({ length: APPENDS }, (_, i) => `device/${(batch * 13 + i * 17) % SUBJECTS}`);
    await Promise.all(
      subjects.map(async (subject) =>
        heads.set(subject, await log.append(subject, [event(text)], heads.get(subject) ?? 0)),
      ),
    );
    const path = join(root, `after-${batch}.mdb`);
    await copyFile(join(root, "log", "data.mdb"), path);
    files.push({ path, records: APPENDS * (batch + 1) });
  }
  await log.close();
});
afterAll(() => rm(root, { recursive: true }));

/** Makes a log of this file's beginning. */
async function cut(path: string, bytes: number, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(path, join(folder, "data.mdb"));
  await truncate(join(folder, "data.mdb"), bytes);
}

/**
 * In a process of its own: one that is killed is a failure, and no end of the tests.
 * @returns of each log in a folder: how many records it gives, or why it gives none.
 */
async function countedIn(folder: string): Promise<Readonly<Record<string, number | string>>> {
  const program = join(import.meta.dirname, "lmdb-file-reader.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--import",
    import.meta.resolve("tsx"),
    program,
    folder,
  ]);
  return JSON.parse(stdout) as Record<string, number | string>;
}

test("P4: cut off anywhere, a log is refused, or only free pages are gone and all of it is read", async () => {
  const { path, records } = files.at(-1)!;
  const pages = (await stat(path)).size / PAGE;
  const cuts = join(root, "cuts");
  for (let kept = pages; kept > 0; kept--) await cut(path, kept * PAGE - 1, join(cuts, `${kept}`));
  const seen = new Set(Object.values(await countedIn(cuts)));
  seen.delete(records);
  expect([...seen]).toEqual(["storage-failed"]);
  expect((await stat(join(cuts, "1", "data.mdb"))).size).toBe(PAGE - 1); // left as it was
});

test("P4: a file that ends before free pages is whole, and one that ends within a long record is not", async () => {
  const shorter = join(root, "shorter");
  const expected: Record<string, number> = {};
  for (const [batch, { path, records }] of files.entries()) {
    for (let bytes = (await stat(path)).size - PAGE; passes(await copyOf(path, bytes)); bytes -= PAGE) {
      await cut(path, bytes, join(shorter, `${batch}-${bytes}`));
      expected[`${batch}-${bytes}`] = records;
    }
  }
  expect(Object.keys(expected).length).toBeGreaterThan(0);
  expect(await countedIn(shorter)).toEqual(expected);
});

async function copyOf(path: string, bytes: number): Promise<string> {
  await cut(path, bytes, join(root, "tried"));
  return join(root, "tried", "data.mdb");
}

function passes(path: string): boolean {
  try {
    assertWhole(path);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ["that is no LMDB file", 0, 2 * PAGE],
  ["whose first page is gone", 0, PAGE],
  ["whose second page is gone", PAGE, PAGE],
])("P4: a file %s is refused", async (_what, from, length) => {
  const zeroed = join(root, `zeroed-${from}-${length}`);
  await mkdir(join(zeroed, "log"), { recursive: true });
  const bytes = await readFile(files[0]!.path);
  await writeFile(join(zeroed, "log", "data.mdb"), bytes.fill(0, from, from + length));
  expect(await countedIn(zeroed)).toEqual({ log: "storage-failed" });
});

test("an empty file is a log that begins", async () => {
  await mkdir(join(root, "begins", "log"), { recursive: true });
  await writeFile(join(root, "begins", "log", "data.mdb"), "");
  expect(await countedIn(join(root, "begins"))).toEqual({ log: 0 });
});
