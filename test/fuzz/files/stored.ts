/** Everything that is kept in files and read again, written once as it should be, and how each is opened. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FileKeyStore } from "../../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../../device/adapters/lowdb-device-store.js";
import { encodeState } from "../../../device/adapters/state-file.js";
import { boot } from "../../../device/machine.js";
import type { DeviceRecord } from "../../../device/record.js";
import { lockFolder, lockHolder } from "../../../fleet/adapters/folder-lock.js";
import { FOUNDING_FILE, readFounding } from "../../../fleet/adapters/founding-file.js";
import { createKeyFiles, readKeyFile } from "../../../fleet/adapters/key-files.js";
import { MemoryEventLog } from "../../../fleet/adapters/memory-event-log.js";
import { chainHash, draft, openRecord, sealRecord } from "../../../fleet/adapters/record-chain.js";
import { readServerFile, writeServerFile } from "../../../fleet/adapters/server-file.js";
import { openTokens, readToken } from "../../../fleet/adapters/token-folder.js";
import { firstAuthority } from "../../../fleet/succession.js";
import { toHex } from "../../../protocol/bytes.js";
import { Unacceptable } from "../edge.js";
import { countedEntropy, repeatable } from "../payload/keys.js";
import type { Fleet, World } from "../payload/world.js";
import { backupFiles } from "./backup.js";

export interface StoredFile {
  readonly name: string;
  readonly path: string;
  /** What `read` says of the file as it was written. */
  readonly whole: string;
  /** @returns what was read, in a word. @throws DeviceError, FleetError or ProtocolError when it cannot be read. */
  read(): Promise<string>;
}

/** @param folder - an empty one. */
export async function storedFiles(folder: string, { home }: World): Promise<readonly StoredFile[]> {
  const [record] = home.sailors.map(({ state }) => state.record);
  if (!record) throw new Error("the world has devices");
  return [
    ...(await deviceState(join(folder, "state"), record)),
    await deviceKey(join(folder, "device-keys")),
    await fleetKey(join(folder, "fleet-keys")),
    ...(await tokens(join(folder, "tokens"))),
    await serverFile(join(folder, "server")),
    await lock(join(folder, "lock")),
    await founding(join(folder, "founding"), home),
    await logRecord(join(folder, "record"), home),
    ...(await backupFiles(join(folder, "backup"))),
  ];
}

/** Two slots: with one of them changed, what is read is one of the two states, each whole. */
async function deviceState(folder: string, newest: DeviceRecord): Promise<readonly StoredFile[]> {
  const older = { ...newest, receiptCounter: newest.receiptCounter + 1 };
  const store = new LowdbDeviceStore(folder);
  for (const record of [older, newest]) await store.save(record);
  const textOf = (record: DeviceRecord) => toHex(encodeState({ saves: 1, generation: 1, record }));
  const known = new Map([older, newest].map((record, i) => [textOf(record), ["older", "newest"][i]!]));
  const read = async () => {
    const found = await new LowdbDeviceStore(folder).load();
    const word = found && known.get(textOf(found.record));
    if (!found || !word) throw new Unacceptable("a state was read that was never saved");
    if (word === "older" && !found.doubt) throw new Unacceptable("an older state was read as the newest");
    boot(found.record, repeatable, 0);
    return word;
  };
  return [0, 1].map((slot) => {
    const name = `device state ${slot}`;
    return { name, path: join(folder, `state.${slot}.json`), whole: "newest", read };
  });
}

async function deviceKey(folder: string): Promise<StoredFile> {
  const stored = new FileKeyStore(folder, repeatable, countedEntropy("device key"));
  const { bytes } = await stored.create("idevid", "ES256");
  const read = async () => {
    const key = await new FileKeyStore(folder, repeatable, countedEntropy("none")).publicKey("idevid");
    if (!key) throw new Unacceptable("a key file that is there is not seen");
    return sameKey(key.bytes, bytes);
  };
  return { name: "device key", path: join(folder, "idevid.pem"), whole: "the key", read };
}

async function fleetKey(folder: string): Promise<StoredFile> {
  const path = join(folder, "hold");
  const { bytes } = await createKeyFiles(path, repeatable, countedEntropy("fleet key"));
  const read = async () => sameKey((await readKeyFile(`${path}.pem`, repeatable)).publicKey.bytes, bytes);
  return { name: "fleet key", path: `${path}.pem`, whole: "the key", read };
}

/** Another key than the one that was written would sign in a name that nobody knows. */
function sameKey(found: Uint8Array, written: Uint8Array): string {
  if (toHex(found) !== toHex(written))
    throw new Unacceptable("another key was read than the one that was written");
  return "the key";
}

async function tokens(folder: string): Promise<readonly StoredFile[]> {
  await openTokens(folder, repeatable, countedEntropy("tokens"));
  const path = join(folder, "admin");
  const token = await readToken(path);
  const whole = async () => {
    const operators = await openTokens(folder, repeatable, countedEntropy("none"));
    return operators.actorOf(token) ?? "another token";
  };
  return [
    {
      name: "token",
      path,
      whole: "the token",
      read: async () => ((await readToken(path)) === token ? "the token" : "another token"),
    },
    { name: "tokens", path, whole: "admin", read: whole },
  ];
}

async function serverFile(folder: string): Promise<StoredFile> {
  await mkdir(folder);
  const info = { url: "http://127.0.0.1:4711", pid: process.pid, mqtt: "mqtts://127.0.0.1:8883" };
  await writeServerFile(folder, info);
  const read = async () => {
    const found = await readServerFile(folder);
    return found === undefined ? "none" : found.url === info.url ? "the server" : "another server";
  };
  return { name: "server.json", path: join(folder, "server.json"), whole: "the server", read };
}

/** A lock that names no process that runs, and one that was changed, hold nobody up. */
async function lock(folder: string): Promise<StoredFile> {
  const held = await lockFolder(folder);
  const path = join(folder, "lock");
  const text = await readFile(path);
  await held.release();
  await writeFile(path, text);
  const read = async () => ((await lockHolder(folder)) === process.pid ? "held" : "free");
  return { name: "lock", path, whole: "held", read };
}

/** The Authority with which a fleet begins that was founded elsewhere. */
async function founding(folder: string, home: Fleet): Promise<StoredFile> {
  await mkdir(folder);
  const path = join(folder, FOUNDING_FILE);
  await writeFile(path, home.founding);
  const { options } = home.service;
  const read = async () => {
    const bytes = await readFounding(folder);
    const parts = { ...options, log: new MemoryEventLog(), founding: bytes };
    const { fleetId } = firstAuthority(parts, home.service.now());
    if (toHex(fleetId) !== toHex(home.service.trust.fleetId))
      throw new Unacceptable("another fleet was founded");
    return "the fleet";
  };
  return { name: "founding", path, whole: "the fleet", read };
}

/** One record of the log, as the database holds it. */
async function logRecord(path: string, home: Fleet): Promise<StoredFile> {
  const records = home.service.options.log.read(0);
  const { value } = await records[Symbol.asyncIterator]().next();
  if (!value) throw new Error("the world has a log");
  const { subject, events } = value;
  const previous = chainHash(undefined);
  const stored = sealRecord(1, draft(subject, events), previous);
  await writeFile(path, stored);
  const read = async () => {
    const found = openRecord(1, await readFile(path, "utf8"), previous);
    if (JSON.stringify(found.events) !== JSON.stringify(events))
      throw new Unacceptable("another record was read than was written");
    return "the record";
  };
  return { name: "log record", path, whole: "the record", read };
}
