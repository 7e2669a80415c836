/** A device's birth with a key that the test has: the shipped code, on a store in memory. */
import { MemoryDeviceStore } from "../../../device/adapters/memory-device-store.js";
import { beBorn, type StationLink } from "../../../device/birth.js";
import type { KeyStore } from "../../../device/ports.js";
import type { DeviceRecord } from "../../../device/record.js";
import { utf8 } from "../../../protocol/bytes.js";
import type { Signer } from "../../../protocol/crypto.js";
import { repeatable } from "./keys.js";

/** @throws DeviceError, ProtocolError for what the station answers. */
export function bornWith(idevid: Signer, hardwareId: string, link: StationLink): Promise<DeviceRecord> {
  const { algorithm } = idevid.publicKey;
  const keys = new OneKey(idevid);
  const store = new MemoryDeviceStore();
  const about = { hardwareId: utf8(hardwareId), model: "camera", algorithm };
  return beBorn({ ...about, store, keys, crypto: repeatable }, link);
}

/** Holds the one key that a birth asks for. */
class OneKey implements KeyStore {
  readonly #signer: Signer;
  constructor(signer: Signer) {
    this.#signer = signer;
  }
  create = () => Promise.resolve(this.#signer.publicKey);
  publicKey = () => Promise.resolve(this.#signer.publicKey);
  sign = (_name: string, message: Uint8Array) => Promise.resolve(this.#signer.sign(message));
  tlsKey = () => Promise.reject(new Error("a birth opens no connection"));
  remove = () => Promise.resolve();
}
