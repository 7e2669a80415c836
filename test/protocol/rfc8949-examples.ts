/** The examples of RFC 8949, complete and in its order, with what our profile makes of each. */
import { fromHex } from "../../protocol/bytes.js";
import type { CborValue } from "../../protocol/codec.js";

export interface Example {
  /** As the RFC writes it. */
  readonly diagnostic: string;
  readonly bytes: Uint8Array;
  /** Absent: outside the profile. */
  readonly value?: CborValue;
}

export interface NotWellFormed {
  /** The list that it stands in. */
  readonly list: string;
  readonly bytes: Uint8Array;
}

const oneTo25 = Array.from({ length: 25 }, (_, i) => i + 1);
const oneTo25Text = oneTo25.join(", ");
const oneTo25Hex = "0102030405060708090a0b0c0d0e0f101112131415161718181819";

/** Table 6 of appendix A: a third column where the profile has the value. */
const TABLE_6: readonly (readonly [diagnostic: string, hex: string, value?: CborValue])[] = [
  ["0", "00", 0],
  ["1", "01", 1],
  ["10", "0a", 10],
  ["23", "17", 23],
  ["24", "1818", 24],
  ["25", "1819", 25],
  ["100", "1864", 100],
  ["1000", "1903e8", 1000],
  ["1000000", "1a000f4240", 1_000_000],
  ["1000000000000", "1b000000e8d4a51000", 1_000_000_000_000],
  ["18446744073709551615", "1bffffffffffffffff"],
  ["18446744073709551616", "c249010000000000000000"],
  ["-18446744073709551616", "3bffffffffffffffff"],
  ["-18446744073709551617", "c349010000000000000000"],
  ["-1", "20", -1],
  ["-10", "29", -10],
  ["-100", "3863", -100],
  ["-1000", "3903e7", -1000],
  ["0.0", "f90000"],
  ["-0.0", "f98000"],
  ["1.0", "f93c00"],
  ["1.1", "fb3ff199999999999a"],
  ["1.5", "f93e00"],
  ["65504.0", "f97bff"],
  ["100000.0", "fa47c35000"],
  ["3.4028234663852886e+38", "fa7f7fffff"],
  ["1.0e+300", "fb7e37e43c8800759c"],
  ["5.960464477539063e-8", "f90001"],
  ["0.00006103515625", "f90400"],
  ["-4.0", "f9c400"],
  ["-4.1", "fbc010666666666666"],
  ["Infinity", "f97c00"],
  ["NaN", "f97e00"],
  ["-Infinity", "f9fc00"],
  ["Infinity", "fa7f800000"],
  ["NaN", "fa7fc00000"],
  ["-Infinity", "faff800000"],
  ["Infinity", "fb7ff0000000000000"],
  ["NaN", "fb7ff8000000000000"],
  ["-Infinity", "fbfff0000000000000"],
  ["false", "f4", false],
  ["true", "f5", true],
  ["null", "f6"],
  ["undefined", "f7"],
  ["simple(16)", "f0"],
  ["simple(255)", "f8ff"],
  ['0("2013-03-21T20:04:00Z")', "c074323031332d30332d32315432303a30343a30305a"],
  ["1(1363896240)", "c11a514b67b0"],
  ["1(1363896240.5)", "c1fb41d452d9ec200000"],
  ["23(h'01020304')", "d74401020304"],
  ["24(h'6449455446')", "d818456449455446"],
  ['32("http://www.example.com")', "d82076687474703a2f2f7777772e6578616d706c652e636f6d"],
  ["h''", "40", new Uint8Array()],
  ["h'01020304'", "4401020304", fromHex("01020304")],
  ['""', "60", ""],
  ['"a"', "6161", "a"],
  ['"IETF"', "6449455446", "IETF"],
  ['"\\"\\\\"', "62225c", '"\\'],
  ['"\\u00fc"', "62c3bc", "\u00fc"],
  ['"\\u6c34"', "63e6b0b4", "\u6c34"],
  ['"\\ud800\\udd51"', "64f0908591", "\ud800\udd51"],
  ["[]", "80", []],
  ["[1, 2, 3]", "83010203", [1, 2, 3]],
  ["[1, [2, 3], [4, 5]]", "8301820203820405", [1, [2, 3], [4, 5]]],
  [`[${oneTo25Text}]`, `9819${oneTo25Hex}`, oneTo25],
  ["{}", "a0", new Map()],
  ["{1: 2, 3: 4}", "a201020304", mapOf([1, 2], [3, 4])],
  ['{"a": 1, "b": [2, 3]}', "a26161016162820203"],
  ['["a", {"b": "c"}]', "826161a161626163"],
  ['{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}', "a56161614161626142616361436164614461656145"],
  ["(_ h'0102', h'030405')", "5f42010243030405ff"],
  ['(_ "strea", "ming")', "7f657374726561646d696e67ff"],
  ["[_ ]", "9fff"],
  ["[_ 1, [2, 3], [_ 4, 5]]", "9f018202039f0405ffff"],
  ["[_ 1, [2, 3], [4, 5]]", "9f01820203820405ff"],
  ["[1, [2, 3], [_ 4, 5]]", "83018202039f0405ff"],
  ["[1, [_ 2, 3], [4, 5]]", "83019f0203ff820405"],
  [`[_ ${oneTo25Text}]`, `9f${oneTo25Hex}ff`],
  ['{_ "a": 1, "b": [_ 2, 3]}', "bf61610161629f0203ffff"],
  ['["a", {_ "b": "c"}]', "826161bf61626163ff"],
  ['{_ "Fun": true, "Amt": -2}', "bf6346756ef563416d7421ff"],
];

/** Appendix F.1: list → its items, as the RFC sets them. */
const LISTS: Readonly<Record<string, string>> = {
  "end of input in a head":
    "18, 19, 1a, 1b, 19 01, 1a 01 02, 1b 01 02 03 04 05 06 07, 38, 58, 78, 98, 9a 01 ff 00, b8, d8, f8, " +
    "f9 00, fa 00 00, fb 00 00 00",
  "definite-length strings with short data":
    "41, 61, 5a ff ff ff ff 00, 5b ff ff ff ff ff ff ff ff 01 02 03, 7a ff ff ff ff 00, " +
    "7b 7f ff ff ff ff ff ff ff 01 02 03",
  "definite-length maps and arrays not closed with enough items":
    "81, 81 81 81 81 81 81 81 81 81, 82 00, a1, a2 01 02, a1 00, a2 00 00 00",
  "tag number not followed by tag content": "c0",
  'indefinite-length strings not closed by a "break" stop code': "5f 41 00, 7f 61 00",
  'indefinite-length maps and arrays not closed by a "break" stop code':
    "9f, 9f 01 02, bf, bf 01 02 01 02, 81 9f, 9f 80 00, 9f 9f 9f 9f 9f ff ff ff ff, 9f 81 9f 81 9f 9f ff ff ff",
  "subkind 1: reserved additional information values":
    "1c, 1d, 1e, 3c, 3d, 3e, 5c, 5d, 5e, 7c, 7d, 7e, 9c, 9d, 9e, bc, bd, be, dc, dd, de, fc, fd, fe",
  "subkind 2: reserved two-byte encodings of simple values": "f8 00, f8 01, f8 18, f8 1f",
  "subkind 3: indefinite-length string chunks not of the correct type":
    "5f 00 ff, 5f 21 ff, 5f 61 00 ff, 5f 80 ff, 5f a0 ff, 5f c0 00 ff, 5f e0 ff, 7f 41 00 ff",
  "subkind 3: indefinite-length string chunks not definite length": "5f 5f 41 00 ff ff, 7f 7f 61 00 ff ff",
  "subkind 4: break on its own outside of an indefinite-length item": "ff",
  "subkind 4: break in a definite-length array or map or a tag":
    "81 ff, 82 00 ff, a1 ff, a1 ff 00, a1 00 ff, a2 00 00 ff, 9f 81 ff, 9f 82 9f 81 9f 9f ff ff ff ff",
  "subkind 4: break in a value position of an indefinite-length map": "bf 00 ff, bf 00 00 00 ff",
  "subkind 5: major type 0, 1, 6 with additional information 31": "1f, 3f, df",
};

export const APPENDIX_A: readonly Example[] = TABLE_6.map(([diagnostic, hex, value]) => ({
  diagnostic,
  bytes: fromHex(hex),
  ...(value !== undefined && { value }),
}));

export const APPENDIX_F: readonly NotWellFormed[] = Object.entries(LISTS).flatMap(([list, items]) =>
  items.split(", ").map((hex) => ({ list, bytes: fromHex(hex.replaceAll(" ", "")) })),
);

function mapOf(...entries: readonly (readonly [number, CborValue])[]): ReadonlyMap<number, CborValue> {
  return new Map(entries);
}
