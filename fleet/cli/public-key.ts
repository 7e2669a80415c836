/** Public keys in files, as people and tools write them. */
import { createPublicKey, type JsonWebKey } from "node:crypto";
import { fromHex } from "../../protocol/bytes.js";
import type { Algorithm, PublicKey } from "../../protocol/crypto.js";
import { isValidPublicKey, PUBLIC_KEY_BYTES } from "../../protocol/keys.js";
import { CliError, EXIT } from "./exit.js";

/**
 * @param text - PEM (SubjectPublicKeyInfo, RFC 7468 §13), or the key's bytes in hex or base64url.
 * @throws CliError "usage" for anything but a valid P-256 or Ed25519 key.
 */
export function readPublicKey(text: string): PublicKey {
  const trimmed = text.trim();
  if (trimmed.includes("PRIVATE KEY")) {
    refuse("this file holds a private key, which nobody else needs: make a file of the public half");
  }
  const key = trimmed.startsWith("-----BEGIN PUBLIC KEY-----") ? fromPem(trimmed) : fromText(trimmed);
  return isValidPublicKey(key) ? key : refuse(`this is no valid ${key.algorithm} key: no point of its curve`);
}

function fromPem(pem: string): PublicKey {
  const { crv, x = "", y = "" } = jwkOf(pem);
  if (crv === "Ed25519") return { algorithm: "Ed25519", bytes: fromBase64Url(x) };
  if (crv !== "P-256") return refuse("this key is neither a P-256 nor an Ed25519 key");
  return { algorithm: "ES256", bytes: Uint8Array.of(0x04, ...fromBase64Url(x), ...fromBase64Url(y)) };
}

function jwkOf(pem: string): JsonWebKey {
  try {
    return createPublicKey(pem).export({ format: "jwk" });
  } catch (cause) {
    throw new CliError(EXIT.usage, "this PEM file holds no public key that can be read", { cause });
  }
}

function fromText(text: string): PublicKey {
  const hex = /^([0-9a-f]{2})+$/i.test(text) ? fromHex(text) : undefined;
  const base64Url = /^[\w-]+$/.test(text) ? fromBase64Url(text) : undefined;
  for (const bytes of [hex, base64Url]) {
    const algorithm = ALGORITHMS.find((name) => bytes?.length === PUBLIC_KEY_BYTES[name]);
    if (bytes && algorithm) return { algorithm, bytes };
  }
  return refuse(
    "a key file holds a PEM public key, or 65 bytes (P-256, uncompressed) or 32 bytes (Ed25519) in hex or base64url",
  );
}

const ALGORITHMS = Object.keys(PUBLIC_KEY_BYTES) as Algorithm[];

function fromBase64Url(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64url"));
}

function refuse(why: string): never {
  throw new CliError(EXIT.usage, why);
}
