/** Bits that turn in key files: no device signs with a key that is not its own, and one that has none left says so (P9). */
import { beforeEach, expect, test } from "vitest";
import type { DeviceError } from "../../device/errors.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { lostKeys } from "../../device/own-keys.js";
import type { DeviceRecord } from "../../device/record.js";
import { CutDisk } from "../contracts/cut-disk.js";
import { Owner } from "./owner.js";
import { Afloat, diskParts, found, Shore } from "./shore.js";

const isWorking = ({ ldevid, lease }: DeviceRecord) => ldevid !== undefined && lease !== undefined;
const IS_LOST = { code: "identity-lost" };

/** Of Ed25519 the secret is at the end of the one line of base64, and any 32 bytes are one. */
const turned = (character: string) => (character === "B" ? "C" : "B");
const damages: [what: string, damage: (pem: string) => string][] = [
  ["a bit turned in the secret", (pem) => pem.replace(/.(?=.{5}\n-----END)/, turned)],
  ["a bit turned in the frame", (pem) => pem.replace("BEGIN", "BDGIN")],
  ["empty", () => ""],
];

let disk: CutDisk;
let shore: Shore;
beforeEach(async () => {
  disk = new CutDisk();
  const owner = new Owner();
  const { store, keys } = diskParts(disk);
  const idevid = await keys.create(IDEVID_KEY, "Ed25519");
  await store.save(owner.bear(1, idevid));
  shore = new Shore([owner], idevid);
  await working();
});

const start = () => Afloat.start(disk, shore);
async function working(): Promise<DeviceRecord> {
  const afloat = await start();
  await afloat.until(isWorking, "it works");
  await afloat.rest();
  await afloat.device.close();
  return (await found(disk))!.record;
}
function spoil(name: string, damage: (pem: string) => string): void {
  const change = (bytes: Uint8Array) => Buffer.from(damage(Buffer.from(bytes).toString()));
  disk.spoil(`keys/${name}.pem`, change);
}

test.each(damages)("P9: the key of its LDevID, %s: it comes back by its IDevID", async (_, damage) => {
  spoil("ldevid-1", damage);
  const afloat = await start();
  expect(afloat.device.tlsIdentity.key).toBe(IDEVID_KEY);
  await afloat.until(({ ldevid }) => ldevid?.key === "ldevid-2", "it has an LDevID again");
  await afloat.device.close();
  expect(disk.paths()).not.toContain("keys/ldevid-1.pem");
  await working();
});

test.each(damages)("the key of its IDevID, %s: it works on without; alone, it says so", async (_, damage) => {
  spoil(IDEVID_KEY, damage);
  await working();
  spoil("ldevid-1", damage);
  await expect(start()).rejects.toMatchObject(IS_LOST);
  expect(disk.paths()).toContain("keys/idevid.pem"); // whoever can may still mend it
});

test("when it has to come back by an IDevID whose key is damaged, it stops and says so", async () => {
  spoil(IDEVID_KEY, (pem) => pem.replace(/.(?=.{5}\n-----END)/, turned));
  const afloat = await start();
  await afloat.rest();
  afloat.line.call.notice("lobby", "bad-certificate"); // its LDevID is not taken
  await afloat.rest();
  const failures = afloat.events.flatMap((event) => (event.type === "failed" ? [event.error] : []));
  expect(failures.map((error) => (error as DeviceError).code)).toEqual([IS_LOST.code]);
});

test.each(damages)("a key that waits for its certificate, %s: it can be made again", async (_, damage) => {
  const { record } = (await found(disk))!;
  const name = "ldevid-2";
  await diskParts(disk).keys.create(name, "Ed25519");
  spoil(name, damage);
  const { keys } = diskParts(disk);
  const request = { kind: "renew", nonce: new Uint8Array(16), key: name } as const;
  expect([...(await lostKeys({ ...record, request }, keys))]).toEqual([]);
  const key = (await keys.publicKey(name)) ?? (await keys.create(name, "Ed25519"));
  expect(key.bytes).toHaveLength(32);
  expect(disk.paths()).toContain("keys/ldevid-1.pem");
});

test("P9: a disk that does not answer now loses no key", async () => {
  const { record } = (await found(disk))!;
  const { keys } = diskParts(disk);
  disk.read = () => Promise.reject(new Error("EIO"));
  await expect(lostKeys(record, keys)).rejects.toMatchObject({ code: "storage-failed" });
  expect(disk.paths()).toContain("keys/ldevid-1.pem");
});
