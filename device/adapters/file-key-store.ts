/** `KeyStore` in a folder, one PKCS #8 PEM file per key, readable by the device's own user only. */
import { join } from "node:path";
import { privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Algorithm, Crypto, Entropy, PrivateKey, PublicKey } from "../../protocol/crypto.js";
import { DeviceError } from "../errors.js";
import type { KeyStore } from "../ports.js";
import {
  type Disk,
  FILE_MODE,
  nodeDisk,
  removeFile,
  writeFileAtomic,
} from "../../protocol/adapters/atomic-file.js";
import { assertKeyName, keyExists, noKey, privateKeyToPem } from "./key-pem.js";

/** Bound on a key file; ours have about 250 bytes. */
const MAX_KEY_FILE_BYTES = 4096;

export class FileKeyStore implements KeyStore {
  readonly #directory: string;
  readonly #crypto: Crypto;
  readonly #entropy: Entropy;
  readonly #disk: Disk;
  /** Keys read so far, so that signing does not wait for the disk. */
  readonly #keys = new Map<string, PrivateKey>();
  /** Ends when the newest change has ended: two calls for one name must not both find it free. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string, crypto: Crypto, entropy: Entropy, disk: Disk = nodeDisk) {
    this.#directory = directory;
    this.#crypto = crypto;
    this.#entropy = entropy;
    this.#disk = disk;
  }

  create(name: string, algorithm: Algorithm): Promise<PublicKey> {
    return this.#inTurn(async () => {
      const path = this.#path(name);
      if (await this.#load(name)) throw keyExists(name);
      const key = this.#crypto.generate(algorithm, this.#entropy);
      await this.#onDisk(() => writeFileAtomic(path, utf8(privateKeyToPem(key)), FILE_MODE, this.#disk));
      this.#keys.set(name, key);
      return this.#crypto.publicKey(key);
    });
  }

  async publicKey(name: string): Promise<PublicKey | undefined> {
    const key = await this.#read(name);
    return key && this.#crypto.publicKey(key);
  }

  async sign(name: string, message: Uint8Array): Promise<Uint8Array> {
    return this.#crypto.sign(await this.#key(name), message);
  }

  async tlsKey(name: string): Promise<string> {
    return privateKeyToPem(await this.#key(name));
  }

  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const path = this.#path(name);
      this.#keys.delete(name);
      await this.#onDisk(() => removeFile(path, this.#disk));
    });
  }

  async #key(name: string): Promise<PrivateKey> {
    const key = await this.#read(name);
    if (!key) throw noKey(name);
    return key;
  }

  /** In turn, so that a key which is being removed is not remembered again. */
  async #read(name: string): Promise<PrivateKey | undefined> {
    assertKeyName(name);
    return this.#keys.get(name) ?? this.#inTurn(() => this.#load(name));
  }

  async #load(name: string): Promise<PrivateKey | undefined> {
    const path = this.#path(name);
    const bytes = await this.#onDisk(() => this.#disk.read(path, MAX_KEY_FILE_BYTES));
    if (!bytes) return undefined;
    const key = parse(name, bytes);
    this.#keys.set(name, key);
    return key;
  }

  #path(name: string): string {
    assertKeyName(name);
    return join(this.#directory, `${name}.pem`);
  }

  async #onDisk<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new DeviceError("storage-failed", "the key folder cannot be used; check the disk", { cause });
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function parse(name: string, bytes: Uint8Array): PrivateKey {
  try {
    return privateKeyFromPem(new TextDecoder().decode(bytes));
  } catch {
    // No cause: what a parser says of a key file may quote it.
    throw new DeviceError(
      "storage-damaged",
      `the file of key ${name} cannot be read; restore it, or remove it and enroll again`,
    );
  }
}
