/** What both software key stores share: names, and keys as PKCS #8 PEM (RFC 5958, RFC 7468 §10). */
import type { PrivateKey } from "../../protocol/crypto.js";
import { privateKeyObject } from "../../protocol/adapters/node-crypto.js";
import { DeviceError } from "../errors.js";

const KEY_NAME = /^[a-z0-9-]{1,32}$/;

/** Names become file names, so this is also what keeps a key inside its folder. @throws DeviceError "bad-name". */
export function assertKeyName(name: string): void {
  if (!KEY_NAME.test(name)) throw new DeviceError("bad-name", "a key name has 1 to 32 of a-z, 0-9 and -");
}

export function keyExists(name: string): DeviceError {
  return new DeviceError("key-exists", `key ${name} exists; remove it first, or use another name`);
}

export function noKey(name: string): DeviceError {
  return new DeviceError("no-key", `there is no key ${name}; the device has to be born or enrolled first`);
}

export function privateKeyToPem(key: PrivateKey): string {
  return privateKeyObject(key).export({ type: "pkcs8", format: "pem" }).toString();
}
