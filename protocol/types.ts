/** The value types that messages are declared with: each with its bound. */
import type { CborValue } from "./codec.js";
import { ProtocolError, type ProtocolErrorCode } from "./errors.js";
import type { Type } from "./schema.js";

/** An unsigned integer in `min`…`max`, both included. */
export function uint(max: number = Number.MAX_SAFE_INTEGER, min = 0): Type<number> {
  return {
    label: `${min}..${max}`,
    toCbor: (value) => value,
    fromCbor(value, path) {
      if (typeof value !== "number") return refuse(path, "is not an integer");
      if (value < min || value > max) return refuse(path, `is outside ${min}..${max}`, "out-of-range");
      return value;
    },
  };
}

/** A byte string of exactly `size` bytes, or of `min`…`max`. */
export function bytes(size: number | { readonly min?: number; readonly max: number }): Type<Uint8Array> {
  const { min = 0, max } = typeof size === "number" ? { min: size, max: size } : size;
  return {
    label: min === max ? `bstr .size ${min}` : `bstr .size (${min}..${max})`,
    toCbor: (value) => value,
    fromCbor(value, path) {
      if (!(value instanceof Uint8Array)) return refuse(path, "is not a byte string");
      if (value.length < min || value.length > max) {
        return refuse(path, `has ${value.length} bytes, not ${min}..${max}`, "out-of-range");
      }
      return value;
    },
  };
}

/** Text of at most `max` bytes in UTF-8. */
export function text(max: number): Type<string> {
  return {
    label: `tstr .size (0..${max})`,
    toCbor: (value) => value,
    fromCbor(value, path) {
      if (typeof value !== "string") return refuse(path, "is not text");
      if (new TextEncoder().encode(value).length > max) {
        return refuse(path, `has more than ${max} bytes`, "out-of-range");
      }
      return value;
    },
  };
}

/** One of a closed list of words, as its number. */
export function choice<const T extends string>(words: Readonly<Record<T, number>>): Type<T> {
  const byNumber = new Map(Object.entries(words).map(([word, number]) => [number as number, word as T]));
  return {
    label: [...byNumber.keys()].join(" / "),
    toCbor: (value) => words[value],
    fromCbor(value, path) {
      if (typeof value !== "number") return refuse(path, "is not an integer");
      return byNumber.get(value) ?? refuse(path, "is not a known value", "out-of-range");
    },
  };
}

export function array<T>(
  item: Type<T>,
  bounds: { readonly min?: number; readonly max: number },
): Type<readonly T[]> {
  const { min = 0, max } = bounds;
  return {
    label: `[ ${min}*${max} ${item.label} ]`,
    toCbor: (values) => values.map((value) => item.toCbor(value)),
    fromCbor(value, path) {
      if (!Array.isArray(value)) return refuse(path, "is not an array");
      const items = value as readonly CborValue[];
      if (items.length < min || items.length > max) {
        return refuse(path, `has ${items.length} items, not ${min}..${max}`, "out-of-range");
      }
      return items.map((entry, i) => item.fromCbor(entry, `${path}[${i}]`));
    },
  };
}

/** An array of two values of one type, such as a version `[term, n]`. */
export function pair<T>(item: Type<T>, label: string): Type<readonly [T, T]> {
  const items = array(item, { min: 2, max: 2 });
  return {
    label,
    toCbor: (value) => items.toCbor(value),
    fromCbor(value, path) {
      const [first, second] = items.fromCbor(value, path) as readonly [T, T];
      return [first, second];
    },
  };
}

function refuse(path: string, why: string, code: ProtocolErrorCode = "malformed"): never {
  throw new ProtocolError(code, `${path} ${why}`);
}
