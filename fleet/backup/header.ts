/**
 * The first bytes of a backup, the only ones in the clear: what it is, and how its passphrase becomes a key.
 * `daymark-backup` CR LF, version (1 byte), cost (1 byte), salt (32 bytes). Every chunk that follows vouches for
 * them. Pure.
 */
import { concatBytes, equalBytes, utf8 } from "../../protocol/bytes.js";
import { BackupRefused } from "./refused.js";

export interface BackupHeader {
  /** Binary logarithm of scrypt's N (RFC 7914 §2). */
  readonly cost: number;
  /** 32 bytes, new in each backup: so is the key, and no nonce is ever used twice with one. */
  readonly salt: Uint8Array;
}

/** CR LF: a transfer that takes the file for text shows here, and not as a wrong passphrase. */
const MAGIC = utf8("daymark-backup\r\n");
const VERSION = 1;
export const SALT_BYTES = 32;
export const HEADER_BYTES = MAGIC.length + 2 + SALT_BYTES;

/** What a new backup is made with: 128 MiB and about half a second for each guess. */
export const COST = 17;
/** A file must not choose what opening it costs: from 16 MiB to 256 MiB. */
const COSTS = { least: 14, most: 18 } as const;

export function encodeHeader({ cost, salt }: BackupHeader): Uint8Array {
  return concatBytes(MAGIC, Uint8Array.of(VERSION, cost), salt);
}

/** @param bytes - the beginning of a file, at most `HEADER_BYTES`. @throws BackupRefused */
export function readHeader(bytes: Uint8Array): BackupHeader {
  const at = MAGIC.length;
  if (!equalBytes(bytes.subarray(0, at), MAGIC)) throw new BackupRefused("this file is no backup of a fleet");
  const [version = 0, cost = 0] = bytes.subarray(at);
  if (version > VERSION)
    throw new BackupRefused(`this backup has format ${version}, a newer one; use the daymark that made it`);
  if (version !== VERSION || bytes.length < HEADER_BYTES)
    throw new BackupRefused("this backup ends or is damaged in its first line; take another copy of it");
  if (cost < COSTS.least || cost > COSTS.most)
    throw new BackupRefused(
      `this backup asks for a cost of ${cost}; ${COSTS.least} to ${COSTS.most} is read`,
    );
  return { cost, salt: bytes.slice(at + 2, HEADER_BYTES) };
}
