/**
 * What a backup holds, once it is decrypted: items of kind (1 byte), length (4 bytes, big-endian) and content, first
 * the records of the log, then the files. Each kind has a bound, so that a reader knows what it may have to hold. Pure.
 */
import { concatBytes, uint32, utf8 } from "../../protocol/bytes.js";
import { BackupRefused } from "./refused.js";

export type BackupItem =
  /** A record of the log as it stands on the disk, with its hash. */
  { readonly kind: "record"; readonly sealed: string } | { readonly kind: "file"; readonly file: BackupFile };

/** A small file of the fleet's folder: a key, a token, the secret of sync tokens. */
export interface BackupFile {
  /** From the fleet's folder on, such as `keys/next/hold.pem`. */
  readonly name: string;
  readonly content: Uint8Array;
}

const RECORD = 1;
const FILE = 2;
const HEAD_BYTES = 5;

/** The most events of one record, and room for what stands around them. */
const MAX_RECORD_BYTES = 1024 * 1024 + 1024;
const MAX_NAME_BYTES = 96;
const MAX_FILE_BYTES = 4096;
const MAX_ITEM_BYTES: Readonly<Record<number, number>> = {
  [RECORD]: MAX_RECORD_BYTES,
  [FILE]: 1 + MAX_NAME_BYTES + MAX_FILE_BYTES,
};

/** Where files may lie. One name below that, which cannot lead out of it, and not begin with a dot. */
const FILE_NAME = /^(keys|keys\/next|tokens)\/(?!\.)[A-Za-z0-9._~-]{1,64}$/;

export function isBackupFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

export function encodeItem(item: BackupItem): Uint8Array {
  if (item.kind === "record") return packed(RECORD, utf8(item.sealed));
  const name = utf8(item.file.name);
  return packed(FILE, concatBytes(Uint8Array.of(name.length), name, item.file.content));
}

function packed(kind: number, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind), uint32(content.length), content);
}

/** Puts items together from pieces of any size. */
export class ItemReader {
  #held: Uint8Array = new Uint8Array();

  /** @returns the items that are whole now. @throws BackupRefused */
  take(piece: Uint8Array): readonly BackupItem[] {
    this.#held = concatBytes(this.#held, piece);
    const items: BackupItem[] = [];
    let at = 0;
    while (this.#held.length - at >= HEAD_BYTES) {
      const head = new DataView(this.#held.buffer, this.#held.byteOffset + at, HEAD_BYTES);
      const [kind, length] = [head.getUint8(0), head.getUint32(1)];
      if (length > (MAX_ITEM_BYTES[kind] ?? 0)) throw strange();
      const end = at + HEAD_BYTES + length;
      if (end > this.#held.length) break;
      items.push(itemOf(kind, this.#held.subarray(at + HEAD_BYTES, end)));
      at = end;
    }
    this.#held = this.#held.slice(at);
    return items;
  }

  /** @throws BackupRefused when the last item is not whole. */
  end(): void {
    if (this.#held.length > 0) throw strange();
  }
}

function itemOf(kind: number, content: Uint8Array): BackupItem {
  if (kind === RECORD) return { kind: "record", sealed: textOf(content) };
  const [nameBytes = 0] = content;
  const name = textOf(content.subarray(1, 1 + nameBytes));
  if (content.length < 1 + nameBytes || !isBackupFileName(name)) throw strange();
  return { kind: "file", file: { name, content: content.slice(1 + nameBytes) } };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw strange();
  }
}

/** Whoever wrote this had the passphrase: it is no damage. */
function strange(): BackupRefused {
  return new BackupRefused("this backup holds something else than a fleet; use the daymark that made it");
}
