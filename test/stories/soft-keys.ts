/** Keys whose private halves stay in closures, and chance to make them from. */
import { randomBytes } from "node:crypto";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Algorithm, Signer } from "../../protocol/crypto.js";

export const entropy = (size: number): Uint8Array => new Uint8Array(randomBytes(size));

export function softSigner(algorithm: Algorithm = "ES256"): Signer {
  const key = nodeCrypto.generate(algorithm, entropy);
  return { publicKey: nodeCrypto.publicKey(key), sign: (message) => nodeCrypto.sign(key, message) };
}

export function softFleetKeys(): FleetKeys {
  return Object.fromEntries(FLEET_KEY_NAMES.map((name) => [name, softSigner()])) as unknown as FleetKeys;
}
