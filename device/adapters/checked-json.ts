/**
 * Plain data as the text of a file: JSON with the SHA-256 of what stands before it. Bytes stand as
 * `{"$bytes": base64url}`; an own key that starts with "$" gets a second one, so that all data has one text
 * and every text is of one.
 */
import { createHash } from "node:crypto";
import { equalBytes, utf8 } from "../../protocol/bytes.js";

/** Bound on a file, in bytes. */
export const MAX_CHECKED_BYTES = 4 * 1024 * 1024;

export type Plain = Readonly<Record<string, unknown>>;

/**
 * Undefined members of objects are left out, and -0 becomes 0.
 * @throws TypeError for what plain data cannot hold. RangeError above `MAX_CHECKED_BYTES`.
 */
export function encodeChecked(data: Plain): Uint8Array {
  const body = toPlain(data) as Plain;
  const sha256 = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const bytes = utf8(`${JSON.stringify({ ...body, sha256 })}\n`);
  if (bytes.length > MAX_CHECKED_BYTES) {
    throw new RangeError(`the device record has ${bytes.length} bytes; ${MAX_CHECKED_BYTES} can be stored`);
  }
  return bytes;
}

/** Undefined unless `bytes` are exactly what `encodeChecked` gives: the one comparison also checks the hash. */
export function decodeChecked(bytes: Uint8Array): Plain | undefined {
  if (bytes.length > MAX_CHECKED_BYTES) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const { sha256: _checked, ...body } = JSON.parse(text) as Record<string, unknown>;
    const data = fromPlain(body) as Plain;
    return equalBytes(encodeChecked(data), bytes) ? data : undefined;
  } catch {
    return undefined; // not UTF-8, not JSON, or no object
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
