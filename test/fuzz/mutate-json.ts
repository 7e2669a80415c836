/** JSON that is nearly what was asked for: another type, another number, keys twice, keys that programs share. */
import { type Draw, pick } from "./draw.js";
import { mutateText } from "./mutate-text.js";

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

const DEEP = 5_000;
/** As text, since some of it no value can hold. */
const FRAGMENTS = [
  "null",
  "true",
  "0",
  "-1",
  "-0",
  "1.5",
  "1e400",
  "4294967296",
  "9007199254740993",
  "123456789012345678901234567890",
  '""',
  '"\\ud800"',
  '"\\u0000\\u001b[31m"',
  `"${"a".repeat(300)}"`,
  "[]",
  "{}",
  "[[[[1]]]]",
  `${"[".repeat(DEEP)}${"]".repeat(DEEP)}`,
  `${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}`,
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
];
const MEMBERS = [
  '"__proto__":{"polluted":true},',
  '"constructor":1,',
  '"toString":null,',
  '"":0,',
  '"\\u0000":[],',
];
const PLACE = "\u0001place\u0001";

export function mutateJson(value: Json, draw: Draw): string {
  switch (draw(8)) {
    case 0:
      return pick(draw, FRAGMENTS);
    case 1: {
      const text = JSON.stringify(value);
      return text.replace("{", `{${pick(draw, MEMBERS)}`);
    }
    case 2: {
      const text = JSON.stringify(value);
      return text.replace(/^\{(.*)\}$/su, "{$1,$1}"); // every key twice
    }
    case 3:
      return mutateText(JSON.stringify(value), [JSON.stringify(value)], draw);
    default:
      return withFragment(value, draw);
  }
}

/** One item of it, at any depth, replaced. */
function withFragment(value: Json, draw: Draw): string {
  let at = draw(countItems(value));
  const walk = (item: Json): Json => {
    if (at-- === 0) return typeof item === "string" && draw(2) === 0 ? mutateText(item, [item], draw) : PLACE;
    if (Array.isArray(item)) return (item as readonly Json[]).map(walk);
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, walk(inner)]));
  };
  return JSON.stringify(walk(value)).replace(JSON.stringify(PLACE), () => pick(draw, FRAGMENTS));
}

function countItems(value: Json): number {
  const inner = typeof value === "object" && value !== null ? (Object.values(value) as Json[]) : [];
  return inner.reduce<number>((sum, item) => sum + countItems(item), 1);
}
