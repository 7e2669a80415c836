/**
 * A decoded item with something in it changed, so that what comes out is strict CBOR again and reaches the
 * code behind the scanner: another number, another length, a key more or less, an item in another's place.
 */
import type { CborMap, CborValue } from "../../protocol/codec.js";
import { type Draw, pick } from "./draw.js";
import { mutateBytes, noise } from "./mutate-bytes.js";
import { mutateText } from "./mutate-text.js";

/** Ends of what codec, schema and 32-bit numbers hold. */
const NUMBERS = [
  0,
  1,
  2,
  15,
  16,
  17,
  23,
  24,
  63,
  64,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
];
const LARGE = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, Number.MIN_SAFE_INTEGER, -1, -65_537];
const SIZES = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 66, 4096, 4097];

/** Byte strings are someone else's to look into: an envelope within a message. Undefined: they are only bytes. */
type Within = (bytes: Uint8Array, draw: Draw) => Uint8Array | undefined;

export function mutateCbor(value: CborValue, draw: Draw, within: Within): CborValue {
  let at = draw(countItems(value));
  const walk = (item: CborValue): CborValue => {
    if (at-- === 0) return changed(item, draw, within);
    if (Array.isArray(item)) return (item as readonly CborValue[]).map(walk);
    if (item instanceof Map) return new Map([...(item as CborMap)].map(([key, inner]) => [key, walk(inner)]));
    return item;
  };
  return walk(value);
}

function countItems(value: CborValue): number {
  const inner = Array.isArray(value)
    ? (value as readonly CborValue[])
    : value instanceof Map
      ? [...(value as CborMap).values()]
      : [];
  return inner.reduce<number>((sum, item) => sum + countItems(item), 1);
}

function changed(value: CborValue, draw: Draw, within: Within): CborValue {
  if (draw(16) === 0) return anything(draw);
  if (typeof value === "boolean") return !value;
  if (typeof value === "number")
    return draw(2) === 0 ? safe(value + draw(5) - 2) : pick(draw, [...NUMBERS, ...LARGE]);
  if (typeof value === "string") return wellFormed(mutateText(value, [value, "camera"], draw));
  if (value instanceof Uint8Array) return changedBytes(value, draw, within);
  if (Array.isArray(value)) return changedArray(value as readonly CborValue[], draw);
  return changedMap(value as CborMap, draw);
}

function changedBytes(bytes: Uint8Array, draw: Draw, within: Within): Uint8Array {
  const other = draw(4) > 0 ? within(bytes, draw) : undefined;
  if (other) return other;
  if (draw(3) > 0) return mutateBytes(bytes, [bytes], draw);
  const size = pick(draw, SIZES);
  return draw(2) === 0 ? noise(size, draw) : new Uint8Array(size).fill(draw(256));
}

function changedArray(items: readonly CborValue[], draw: Draw): CborValue {
  const at = draw(items.length + 1);
  const item = items[at] ?? anything(draw);
  switch (draw(5)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return items.toSpliced(at, 0, item);
    case 2:
      return items.toReversed();
    case 3:
      return Array.from({ length: 1 + draw(40) }, () => item);
    default:
      return items.toSpliced(at, 1, anything(draw));
  }
}

function changedMap(map: CborMap, draw: Draw): CborValue {
  const entries = [...map];
  const [key = 1, value = 0] = entries[draw(Math.max(1, entries.length))] ?? [];
  const out = new Map(entries);
  switch (draw(5)) {
    case 0:
      out.delete(key);
      break;
    case 1:
      out.delete(key);
      out.set(pick(draw, NUMBERS), value);
      break;
    case 2: // from 64 on they are extensions, which are passed over
      out.set(64 + draw(70_000), anything(draw));
      break;
    case 3:
      out.set(key, pick(draw, entries.length > 0 ? entries : [[0, 0] as const])[1]);
      break;
    default:
      out.set(draw(32), anything(draw));
  }
  return out;
}

function anything(draw: Draw): CborValue {
  const values: readonly (() => CborValue)[] = [
    () => pick(draw, [...NUMBERS, ...LARGE]),
    () => draw(2) === 0,
    () => pick(draw, ["", "a", "\u0000", "水".repeat(30), "__proto__"]),
    () => noise(draw(40), draw),
    () => [],
    () => new Map(),
    () => [[[[[0]]]]],
    () => new Map<number, CborValue>([[-1, 1]]),
  ];
  return pick(draw, values)();
}

/** Text that an encoder takes. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, "");
}

function safe(value: number): number {
  return Number.isSafeInteger(value) ? value : 0;
}
