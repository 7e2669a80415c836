/**
 * Which of its own keys a device can still use. A bit that has turned in a private key may make another key of it,
 * which signs without complaint what nobody believes; the certificates say which keys they have to be.
 */
import { equalBytes } from "../protocol/bytes.js";
import type { PublicKey } from "../protocol/crypto.js";
import { DeviceError } from "./errors.js";
import { readLdevid } from "./held.js";
import { IDEVID_KEY } from "./jobs.js";
import type { KeyStore } from "./ports.js";
import type { DeviceRecord } from "./record.js";

/**
 * What is damaged is removed: one that was not certified yet is made again under its name, and the others are
 * none from now on.
 * @returns names of the keys of the record's identities that are gone. @throws DeviceError of the key store.
 */
export async function lostKeys(
  { ldevid, base, request }: DeviceRecord,
  keys: KeyStore,
): Promise<ReadonlySet<string>> {
  if (request && (await find(keys, request.key)) === "damaged") await keys.remove(request.key);
  const lost = new Set<string>();
  const certified: readonly (readonly [string, PublicKey])[] = [
    ...(ldevid ? [[ldevid.key, readLdevid(ldevid.chain[0] ?? new Uint8Array()).publicKey] as const] : []),
    ...(base ? [[base.key, base.publicKey] as const] : []),
  ];
  for (const [name, publicKey] of certified) {
    if (await isUsable(keys, name, publicKey)) continue;
    await keys.remove(name);
    lost.add(name);
  }
  return lost;
}

/**
 * To be asked before a device says who it is by its IDevID: with another key every handshake would fail, for good.
 * @throws DeviceError "identity-lost", and those of the key store.
 */
export async function assertIdevidKey(keys: KeyStore, publicKey: PublicKey): Promise<void> {
  if (await isUsable(keys, IDEVID_KEY, publicKey)) return;
  throw new DeviceError(
    "identity-lost",
    "the key of the IDevID is gone or damaged, and nothing else says who this is: give the device a new birth",
  );
}

async function isUsable(keys: KeyStore, name: string, { algorithm, bytes }: PublicKey): Promise<boolean> {
  const found = await find(keys, name);
  if (!found || found === "damaged") return false;
  return found.algorithm === algorithm && equalBytes(found.bytes, bytes);
}

async function find(keys: KeyStore, name: string): Promise<PublicKey | "damaged" | undefined> {
  try {
    return await keys.publicKey(name);
  } catch (error) {
    if (error instanceof DeviceError && error.code === "storage-damaged") return "damaged";
    throw error; // it may be there
  }
}
