/**
 * Whether an LMDB file can be opened: lmdb maps it into memory, and ends the process by a signal, without a word,
 * where it looks at a page that the file does not have. Layout: mdb.c of lmdb 3.5.6, data version 2, little endian.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FleetError } from "../errors.js";

const [MAGIC, VERSION] = [0xbeefc0de, 2];
/** Of each page: its number, its transaction, padding, flags, and the end of its list of nodes. */
const [HEADER, FLAGS_AT, LOWER_AT] = [24, 18, 20];
/** In a meta page. */
const [MAGIC_AT, VERSION_AT, LAST_PAGE_AT, TRANSACTION_AT] = [HEADER, HEADER + 4, HEADER + 120, HEADER + 128];
/** Descriptions of the tree of free pages and of the main tree; the first has the page size in its first four bytes. */
const TREES_AT = [HEADER + 24, HEADER + 72] as const;
/** In a tree's description: its first page, all ones when it has none. */
const ROOT_AT = 40;
const NO_PAGE = 2 ** 64;
/** Flags of a page, and of a node in a leaf. */
const [BRANCH, LEAF] = [0x01, 0x02];
const [OVERFLOW, SUBTREE] = [0x01, 0x02];
/** Of a node: two halves of a size or page number, flags, size of the key. */
const NODE = 8;
/** Of overflow pages, after the first one's number and transaction. */
const OVERFLOW_COUNT_AT = 16;

interface Meta {
  readonly transaction: number;
  readonly pageSize: number;
  readonly lastPage: number;
  readonly roots: readonly number[];
}

/**
 * A file that is missing or empty will do: lmdb begins a new one.
 * @throws FleetError "storage-failed" for anything but an LMDB file, and for one that was cut off.
 */
export function assertWhole(path: string): void {
  const file = openIfThere(path);
  if (file === undefined) return;
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    if (!isWhole(file, size)) throw damaged(path);
  } catch (cause) {
    throw cause instanceof RangeError ? damaged(path, cause) : cause; // a place outside of a page
  } finally {
    closeSync(file);
  }
}

function isWhole(file: number, size: number): boolean {
  const first = metaAt(file, 0);
  const second = first && metaAt(file, first.pageSize);
  if (!second) return false;
  const { pageSize, lastPage, roots } = first.transaction > second.transaction ? first : second;
  const pages = Math.floor(size / pageSize);
  // A file may end before its last page, where only free pages come after: then each one in use is looked for.
  return lastPage < pages || roots.every((root) => reaches(file, pageSize, pages, root));
}

function metaAt(file: number, offset: number): Meta | undefined {
  const page = bytesAt(file, offset, TRANSACTION_AT + 8);
  if (page.readUInt32LE(MAGIC_AT) !== MAGIC || page.readUInt32LE(VERSION_AT) !== VERSION) return undefined;
  return {
    transaction: numberAt(page, TRANSACTION_AT),
    pageSize: page.readUInt32LE(TREES_AT[0]),
    lastPage: numberAt(page, LAST_PAGE_AT),
    roots: TREES_AT.map((at) => numberAt(page, at + ROOT_AT)),
  };
}

/** Whether a tree has all its pages within the file. */
function reaches(file: number, pageSize: number, pages: number, root: number): boolean {
  const waiting = [root];
  let seen = 0;
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (number === NO_PAGE) continue;
    if (number >= pages || ++seen > pages) return false;
    const page = bytesAt(file, number * pageSize, pageSize);
    const flags = page.readUInt16LE(FLAGS_AT);
    if (!(flags & (BRANCH | LEAF))) return false;
    for (let at = HEADER; at < HEADER + page.readUInt16LE(LOWER_AT); at += 2) {
      const node = HEADER + page.readUInt16LE(at);
      if (flags & BRANCH) waiting.push(page.readUIntLE(node, 6));
      else if (!leadsWithin(page, node, pages, waiting)) return false;
    }
  }
  return true;
}

/** @param waiting - gets the first page of a tree that the node of a leaf leads to. */
function leadsWithin(page: Buffer, node: number, pages: number, waiting: number[]): boolean {
  const flags = page.readUInt16LE(node + 4);
  const data = node + NODE + page.readUInt16LE(node + 6);
  if (flags & SUBTREE) waiting.push(numberAt(page, data + ROOT_AT));
  if (!(flags & OVERFLOW)) return true;
  return numberAt(page, data) + numberAt(page, data + OVERFLOW_COUNT_AT) <= pages;
}

function numberAt(page: Buffer, at: number): number {
  return Number(page.readBigUInt64LE(at));
}

/** As many as there are. */
function bytesAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function damaged(path: string, cause?: unknown): FleetError {
  return new FleetError(
    "storage-failed",
    `${path} is damaged or was cut off: keep it, and restore a backup or use another copy of the log`,
    { cause },
  );
}
