/**
 * A device record as the text of a file: JSON with a generation that grows by one per save, the record,
 * and the SHA-256 of both. Bytes stand as `{"$bytes": base64url}`; an own key that starts with "$" gets
 * a second one, so that every record has one text and every text one record.
 */
import { createHash } from "node:crypto";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import type { DeviceRecord } from "../record.js";

/** Bound on a state file, in bytes. */
export const MAX_STATE_BYTES = 4 * 1024 * 1024;

export interface StateFile {
  /** 1, 2, 3, …: the newest of two files is the one with the higher. */
  readonly generation: number;
  readonly record: DeviceRecord;
}

/**
 * Undefined members of objects are left out, and -0 becomes 0.
 * @throws TypeError for what a record cannot hold. RangeError above `MAX_STATE_BYTES`.
 */
export function encodeState({ generation, record }: StateFile): Uint8Array {
  const body = { generation, record: toPlain(record) };
  const sha256 = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const bytes = utf8(`${JSON.stringify({ ...body, sha256 })}\n`);
  if (bytes.length > MAX_STATE_BYTES) {
    throw new RangeError(`the device record has ${bytes.length} bytes; ${MAX_STATE_BYTES} can be stored`);
  }
  return bytes;
}

/** Undefined unless `bytes` are exactly what `encodeState` gives: the one comparison also checks the hash. */
export function decodeState(bytes: Uint8Array): StateFile | undefined {
  if (bytes.length > MAX_STATE_BYTES) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const { generation, record } = JSON.parse(text) as Record<string, unknown>;
    const state = { generation, record: fromPlain(record) } as StateFile;
    return Number.isSafeInteger(generation) && equalBytes(encodeState(state), bytes) ? state : undefined;
  } catch {
    return undefined; // not UTF-8, not JSON, or no record
  }
}

function toPlain(value: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64url") };
  if (Array.isArray(value)) return Array.from(value, (member: unknown) => toPlain(member));
  if (isObject(value)) {
    return mapEntries(value, (key, member) => [key.startsWith("$") ? `$${key}` : key, toPlain(member)]);
  }
  throw new TypeError(`a device record cannot hold ${typeof value} values of this kind`);
}

function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (!isObject(value)) return value;
  if (typeof value["$bytes"] === "string") return new Uint8Array(Buffer.from(value["$bytes"], "base64url"));
  return mapEntries(value, (key, member) => [key.startsWith("$$") ? key.slice(1) : key, fromPlain(member)]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** `Object.fromEntries` defines own properties, so that a key "__proto__" stays a key like any other. */
function mapEntries(
  object: Record<string, unknown>,
  map: (key: string, member: unknown) => [string, unknown],
): Record<string, unknown> {
  const present = Object.entries(object).filter(([, member]) => member !== undefined);
  return Object.fromEntries(present.map(([key, member]) => map(key, member)));
}
