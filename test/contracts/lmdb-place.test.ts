/** What another program that opens the files does to the one that writes, and what that one makes of it. */
import { open as openFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import { event, everything, textOf } from "./event-log-reader.js";

/** In the region that all who open the files share: magic and format come before it (MDB_txbody). */
const NEWEST_TRANSACTION_AT = 8;

let folder: string;
let log: LmdbEventLog;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "daymark-lmdb-"));
  log = LmdbEventLog.open(folder);
});
afterEach(async () => {
  await log.close();
  await rm(folder, { recursive: true });
});

/** As one that opens the files does, when so many transactions are committed between its look and its note. */
async function noteOlder(transactions: number): Promise<void> {
  const file = await openFile(join(folder, "lock.mdb"), "r+");
  const note = Buffer.alloc(8);
  await file.read(note, 0, note.length, NEWEST_TRANSACTION_AT);
  note.writeBigUInt64LE(note.readBigUInt64LE() - BigInt(transactions));
  await file.write(note, 0, note.length, NEWEST_TRANSACTION_AT);
  await file.close();
}

test.each([1, 2, 3])(
  "P4: where lmdb goes %i transactions back, nothing is written over what was acknowledged",
  async (transactions) => {
    for (let n = 0; n < 5; n++) await log.append("fleet", [event(`${n}`)], n);
    await noteOlder(transactions);
    const stopped = { code: "storage-failed", message: expect.stringContaining("nothing is lost") as string };
    await expect(log.append("fleet", [event("over it")], 5)).rejects.toMatchObject(stopped);
    await expect(log.append("fleet", [event("later")], 5)).rejects.toMatchObject(stopped);
    await log.close();
    log = LmdbEventLog.open(folder);
    expect((await everything(log)).map(textOf)).toEqual(["0", "1", "2", "3", "4"]);
    expect(await log.append("fleet", [event("5")], 5)).toBe(6);
  },
);

test("P4: right after it was opened too", async () => {
  for (let n = 0; n < 5; n++) await log.append("fleet", [event(`${n}`)], n);
  await log.close();
  log = LmdbEventLog.open(folder);
  await noteOlder(1);
  await expect(log.append("fleet", [event("over it")], 5)).rejects.toMatchObject({ code: "storage-failed" });
});

test("an append that writes nothing leaves the place as it is", async () => {
  await log.append("fleet", [event("0")], 0);
  for (let n = 0; n < 3; n++)
    await expect(log.append("fleet", [event("late")], 0)).rejects.toMatchObject({ code: "conflict" });
  expect(await log.append("fleet", [event("1")], 1)).toBe(2);
});
