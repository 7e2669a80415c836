/**
 * What a device finds on its disk, from the bytes that are durable: read by the form of the files alone, with
 * nothing of the code that writes them.
 */
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { parseEnvelope } from "../../../protocol/cose.js";
import { toHex } from "../../../protocol/bytes.js";
import type { Level } from "../../../protocol/level.js";
import type { Message } from "../../../protocol/schema.js";
import type { Version } from "../../../protocol/version.js";
import { fromBase64Url } from "../../../fleet/events.js";
import type { WorldDisk } from "../disk.js";

/** Bytes in these files: base64url. */
export interface FileBytes {
  readonly $bytes: string;
}

/** The members of a stored record that somebody here looks at. */
export interface StoredRecord {
  readonly number: number;
  readonly hardwareId: FileBytes;
  readonly fleetId: FileBytes;
  readonly authority: FileBytes;
  readonly directive?: FileBytes;
  readonly release?: FileBytes;
  readonly freed?: FileBytes;
  readonly lease?: FileBytes;
  readonly token?: { readonly n: number; readonly after: number };
  readonly beacon?: FileBytes;
  readonly ledger?: { readonly beacon: FileBytes; readonly content: FileBytes };
  readonly advisories?: FileBytes;
  readonly removals?: FileBytes;
  readonly done?: { readonly wipe?: number };
  readonly latched?: readonly { readonly level: Level }[];
  readonly holds: readonly { readonly version: Version; readonly level: Level }[];
  readonly alarms: readonly { readonly id: number; readonly kind: string }[];
  readonly signedSeconds: number;
  readonly request?: { readonly nonce: FileBytes; readonly key: string };
  readonly challenge?: FileBytes;
  readonly ldevid?: { readonly chain: readonly FileBytes[] };
  readonly receiptCounter: number;
}

/** A state that can be read whole. */
export interface State {
  /** Grows with each save. */
  readonly saves: number;
  /** What the counter shows once it counts. */
  readonly generation: number;
  readonly record: StoredRecord;
}

/** The newest state; and whether the counter speaks for it, or for there being none. */
export interface Found {
  readonly state: State | undefined;
  readonly counter: number;
  readonly agrees: boolean;
}

/** Both slots, then both copies of the counter. */
const PATHS = [
  "/state/state.0.json",
  "/state/state.1.json",
  "/state-counter/counter.0.json",
  "/state-counter/counter.1.json",
] as const;

export type Files = readonly (Uint8Array | undefined)[];

/** The files that a state is read from. */
export function stateFiles(disk: Pick<WorldDisk, "durable">): Files {
  return PATHS.map((path) => disk.durable(path));
}

export function readState([first, second, ...copies]: Files): Found {
  const states = [first, second]
    .flatMap((file) => (file ? (checked(file) as State | undefined) : undefined) ?? [])
    .toSorted((a, b) => b.saves - a.saves);
  const counts = copies.map((file) => file && (checked(file) as { counter: number } | undefined)?.counter);
  const counter = Math.max(0, ...counts.map((count) => count ?? 0));
  const [state] = states;
  const ahead = state ? state.generation - counter : 0;
  const agrees = state ? ahead === 0 || ahead === 1 : !first && !second && counter === 0;
  return { state, counter, agrees };
}

/** True when `after` is `before` with one bit turned: nobody writes that, it rots. */
export function isRotten(before: Uint8Array | undefined, after: Uint8Array | undefined): boolean {
  if (!before || !after || before === after || before.length !== after.length) return false;
  const at = before.findIndex((byte, i) => byte !== after[i]);
  const difference = (before[at] ?? 0) ^ (after[at] ?? 0);
  return (difference & (difference - 1)) === 0 && before.every((byte, i) => i === at || byte === after[i]);
}

/** Behind the data: `,"sha256":"`, 64 hex digits, `"}` and a line feed. All before it is hashed, with a `}`. */
const SEAL_BYTES = 78;
const SEAL = /^,"sha256":"([0-9a-f]{64})"\}\n$/;
const CLOSING = 0x7d;
const files = new WeakMap<Uint8Array, { readonly data: unknown }>();

/** The data of a file that is what was written; undefined for any other. Each file is read once. */
function checked(file: Uint8Array): unknown {
  const known = files.get(file);
  if (known) return known.data;
  const read = { data: parse(file) };
  files.set(file, read);
  return read.data;
}

function parse(file: Uint8Array): unknown {
  const end = Math.max(0, file.length - SEAL_BYTES);
  const [, sha256] = SEAL.exec(Buffer.from(file.subarray(end)).toString("latin1")) ?? [];
  const body = file.slice(0, end + 1);
  body[end] = CLOSING;
  if (!sha256 || toHex(nodeCrypto.sha256(body)) !== sha256) return undefined;
  return JSON.parse(Buffer.from(body.buffer).toString("utf8"));
}

export function bytesOf({ $bytes }: FileBytes): Uint8Array {
  return fromBase64Url($bytes);
}

/** Documents that were decoded already, by their text; begun anew when there are this many. */
const MAX_KNOWN = 4_096;
const known = new Map<string, unknown>();

/** What a stored envelope says; who signed it is not looked at. */
export function said<T>(message: Message<T>, envelope: FileBytes): T {
  const before = known.get(envelope.$bytes);
  if (before !== undefined) return before as T;
  const value = message.decode(parseEnvelope(bytesOf(envelope)).payload);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(envelope.$bytes, value);
  return value;
}
