/** Guards of logs, stores, keys on disk and clocks. */
import type { Guard } from "../guard.js";

const EVENT_LOG = "test/contracts/event-log.test.ts";
const DEVICE_STORE = "test/contracts/device-store.test.ts";
const KEY_STORE = "test/contracts/key-store.test.ts";
const CLOCK = "test/contracts/clock.test.ts";

export const storageGuards: readonly Guard[] = [
  {
    name: "an append counts only after the newest record of its subject",
    principle: "P3",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "!== append.expected) return undefined",
    replace: "> 1e9) return undefined",
    test: { file: EVENT_LOG, name: "LmdbEventLog of 64 writers of one subject exactly one wins" },
  },
  {
    name: "an append is answered after its transaction",
    principle: "P4",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "this.#writing ??= this.#writeAll();",
    replace: "this.#writing ??= this.#writeAll(); resolve(expected + 1);",
    test: { file: EVENT_LOG, name: "P4: when the disk is full" },
  },
  {
    name: "a failed commit leaves no promise that ends the process",
    principle: "P4",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "eventTurnBatching: false",
    replace: "eventTurnBatching: true",
    test: { file: EVENT_LOG, name: "P4: when the disk is full" },
  },
  {
    name: "after a failed write the log does nothing more",
    principle: "P4",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "    this.#stopped = error;\n",
    replace: "",
    test: { file: EVENT_LOG, name: "P4: when the disk is full" },
  },
  {
    name: "the queue for the disk is bounded",
    principle: "P11",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "> MAX_PENDING_BYTES",
    replace: "> Infinity",
    test: { file: EVENT_LOG, name: "P11: refuses what would wait beyond 64 MiB" },
  },
  {
    name: "a stored record is checked against its own hash",
    file: "fleet/adapters/record-chain.ts",
    find: "if (stored !== `${sha256(body)} ${body}`)",
    replace: "if (stored === body)",
    test: { file: EVENT_LOG, name: "finds one character of the newest record changed" },
  },
  {
    name: "a stored record names the one before it",
    file: "fleet/adapters/record-chain.ts",
    find: "record.previous !== previous",
    replace: "record.previous === undefined",
    test: { file: EVENT_LOG, name: "finds a record that was replaced whole" },
  },
  {
    name: "a new file is synced before it gets its name",
    principle: "P4",
    file: "protocol/adapters/atomic-file.ts",
    find: "      await file.sync(); // before the rename, or the name may point at a file without content\n",
    replace: "",
    test: { file: DEVICE_STORE, name: "P4: a power cut at any step of a save after 1 others" },
  },
  {
    name: "a rename is synced before the save is answered",
    principle: "P4",
    file: "protocol/adapters/atomic-file.ts",
    find: "await disk.rename(temporary, path);\n    await disk.syncFolder(folder);",
    replace: "await disk.rename(temporary, path);",
    test: { file: KEY_STORE, name: "P4: a power cut while a key is made" },
  },
  {
    name: "a removal is synced before it is answered",
    principle: "P4",
    file: "protocol/adapters/atomic-file.ts",
    find: "await disk.remove(temporaryName(path));\n  await disk.syncFolder(folder);",
    replace: "await disk.remove(temporaryName(path));",
    test: { file: KEY_STORE, name: "P4: a key that was removed does not come back" },
  },
  {
    name: "state and key files are for the device's own user",
    principle: "P8",
    file: "protocol/adapters/atomic-file.ts",
    find: "FILE_MODE = 0o600",
    replace: "FILE_MODE = 0o644",
    test: { file: KEY_STORE, name: "P8: only the device's own user can read a key" },
  },
  {
    name: "an existing key is never replaced",
    principle: "P8",
    file: "device/adapters/file-key-store.ts",
    find: "if (await this.#load(name)) throw keyExists(name);",
    replace: "",
    test: { file: KEY_STORE, name: "FileKeyStore P8: an existing key is never replaced" },
  },
  {
    name: "changes of one key store happen one after the other",
    file: "device/adapters/file-key-store.ts",
    find: "this.#last.then(work)",
    replace: "work()",
    test: { file: KEY_STORE, name: "FileKeyStore of 8 that make one name at once" },
  },
  {
    name: "key names stay inside their folder",
    file: "device/adapters/key-pem.ts",
    find: "/^[a-z0-9-]{1,32}$/",
    replace: "/^.{1,32}$/",
    test: { file: KEY_STORE, name: `FileKeyStore "../a" is no name` },
  },
  {
    name: "delays longer than setTimeout takes are waited for in parts",
    file: "protocol/adapters/system-clock.ts",
    find: "Math.min(leftMs, MAX_TIMEOUT_MS)",
    replace: "leftMs",
    test: { file: CLOCK, name: "systemClock waits" },
  },
  {
    name: "timers run in the order they are due",
    principle: "P12",
    file: "protocol/adapters/jump-clock.ts",
    find: "behind === -1 ? this.#waiting.length : behind",
    replace: "this.#waiting.length",
    test: { file: CLOCK, name: "400 days pass at once" },
  },
];
