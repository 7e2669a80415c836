/**
 * What a backup is encrypted with: a key from the passphrase by scrypt (RFC 7914), then AES-256-GCM over chunks of
 * 64 KiB. The nonce is the chunk's number and whether it is the last (STREAM, as Hoang et al. call it), and the header
 * is the additional data of each: so a chunk that is moved, doubled, left out or cut off is found, and memory stays
 * bounded. A key seals one backup only, so nonces may begin at 0.
 */
import { createCipheriv, createDecipheriv, scrypt } from "node:crypto";
import { concatBytes, utf8 } from "../../protocol/bytes.js";
import { type BackupHeader, encodeHeader } from "../backup/header.js";
import { BackupRefused } from "../backup/refused.js";

/** A passphrase, as far as it is needed: the key of a backup with this header, 32 bytes. */
export type Unlock = (header: BackupHeader) => Promise<Uint8Array>;

export interface Lock {
  readonly header: BackupHeader;
  readonly key: Uint8Array;
}

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** Of what is encrypted, in each chunk but the last. */
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
/** Chunks in one backup: the number has 4 bytes in the nonce. Together 256 TiB. */
const MAX_CHUNKS = 2 ** 32;

/** Block size and parallelization of version 1. */
const SCRYPT = { r: 8, p: 1 } as const;

/** Two ways to type the same characters count as the same passphrase (Unicode NFC). */
export function unlockWith(passphrase: string): Unlock {
  const secret = utf8(passphrase.normalize("NFC"));
  return ({ cost, salt }) => {
    const N = 2 ** cost;
    const maxmem = 128 * SCRYPT.r * (N + SCRYPT.p + 2); // all that it takes, RFC 7914 §5 and §6
    return new Promise((resolve, reject) => {
      scrypt(secret, salt, KEY_BYTES, { N, ...SCRYPT, maxmem }, (error, key) =>
        error ? reject(error) : resolve(new Uint8Array(key)),
      );
    });
  };
}

/** The whole file, header first. */
export async function* sealBackup(
  plain: AsyncIterable<Uint8Array>,
  { header, key }: Lock,
): AsyncIterable<Uint8Array> {
  yield encodeHeader(header);
  for await (const { bytes, number, isLast } of inChunks(plain, CHUNK_BYTES)) {
    const cipher = createCipheriv(CIPHER, key, nonce(number, isLast)).setAAD(vouchedFor(header));
    yield concatBytes(cipher.update(bytes), cipher.final(), cipher.getAuthTag());
  }
}

/**
 * What was sealed, chunk by chunk, each proven before it is given out. That nothing is missing is proven by the last.
 * @param sealed - what follows the header.
 * @throws BackupRefused
 */
export async function* openBackup(
  sealed: AsyncIterable<Uint8Array>,
  { header, key }: Lock,
): AsyncIterable<Uint8Array> {
  for await (const { bytes, number, isLast } of inChunks(sealed, SEALED_CHUNK_BYTES)) {
    if (bytes.length < TAG_BYTES) throw notOpened(number);
    const end = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, nonce(number, isLast), { authTagLength: TAG_BYTES })
      .setAAD(vouchedFor(header))
      .setAuthTag(bytes.subarray(end));
    const plain = decipher.update(bytes.subarray(0, end));
    try {
      decipher.final();
    } catch {
      throw notOpened(number);
    }
    yield new Uint8Array(plain);
  }
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly number: number;
  readonly isLast: boolean;
}

/** Exactly `size` bytes in each but the last, which has fewer or as many. There is always a last one. */
async function* inChunks(source: AsyncIterable<Uint8Array>, size: number): AsyncIterable<Chunk> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let number = 0;
  for await (const piece of source) {
    held.push(piece);
    heldBytes += piece.length;
    if (heldBytes <= size) continue;
    let rest = concatBytes(...held);
    for (; rest.length > size; rest = rest.subarray(size))
      yield { bytes: rest.subarray(0, size), number: number++, isLast: false };
    held = [rest];
    heldBytes = rest.length;
  }
  yield { bytes: concatBytes(...held), number, isLast: true };
}

/** Additional data of every chunk. */
function vouchedFor(header: BackupHeader): Uint8Array {
  return encodeHeader(header); // so that nothing in the clear can be changed
}

function nonce(number: number, isLast: boolean): Uint8Array {
  if (number >= MAX_CHUNKS) throw new BackupRefused("a backup has at most 256 TiB");
  const bytes = new Uint8Array(NONCE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(NONCE_BYTES - 5, number);
  view.setUint8(NONCE_BYTES - 1, isLast ? 1 : 0);
  return bytes;
}

/** The first chunk fails with a wrong passphrase too; the others only when something was changed. */
function notOpened(number: number): BackupRefused {
  return number === 0
    ? new BackupRefused(
        "this backup cannot be opened: the passphrase is another, or the file is damaged or cut off; nobody can " +
          "tell which",
      )
    : new BackupRefused(
        `this backup is damaged, cut off or put together anew, after ${number} good pieces of 64 KiB; take another ` +
          "copy of it",
      );
}
