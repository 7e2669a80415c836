/** The CDDL validator must itself be able to refuse: good and bad values for every construct. */
import { encode, rfc8949EncodeOptions, Tagged } from "cborg";
import { describe, expect, test } from "vitest";
import { fromHex } from "../../protocol/bytes.js";
import { decodeForCddl, parseCddl, validate } from "./cddl.js";

const bytes = (size: number) => new Uint8Array(size);
const map = (...entries: [unknown, unknown][]) => new Map(entries);
const cbor = (value: unknown) => encode(value, rfc8949EncodeOptions);
const MAX_U64 = 2n ** 64n - 1n;

/** `[type, values that match, values that do not]` */
const constructs: [type: string, good: unknown[], bad: unknown[]][] = [
  ["any", [0, "a", bytes(1), null, map()], []],
  ["uint", [0, 24, MAX_U64], [-1, "0", 1.5, bytes(1), null, true]],
  ["nint", [-1, -(2n ** 64n)], [0, 1, "-1"]],
  ["int", [-1, 0, MAX_U64], [0.5, "1", [1]]],
  ["bstr", [bytes(0), bytes(9)], ["", [0], 0]],
  ["tstr", ["", "é"], [bytes(0), 1]],
  ["bool", [true, false], [0, null, "true"]],
  ["true", [true], [false, 1]],
  ["false", [false], [true, 0, null]],
  ["nil", [null], [false, 0]],
  ["7", [7, 7n], [8, -7, "7"]],
  ["-7", [-7], [7, -8]],
  ["0x10", [16], [10]],
  ['"up"', ["up"], ["Up", "", bytes(2)]],
  ["0..4", [0, 4], [-1, 5, "0", 1.5]],
  ["-3..-1", [-3, -1], [-4, 0]],
  ["64..18446744073709551615", [64, MAX_U64], [63, MAX_U64 + 1n]],
  ['1 / "a" / bstr', [1, "a", bytes(3)], [2, "b", null]],
  ["(1 / 2)", [1, 2], [3]],
  ["bstr .size 16", [bytes(16)], [bytes(15), bytes(17), "0123456789abcdef", 16]],
  ["bstr .size (1..3)", [bytes(1), bytes(3)], [bytes(0), bytes(4)]],
  ["tstr .size (0..2)", ["", "é"], ["éa"]],
  ["uint .size 4", [0, 2 ** 32 - 1], [2 ** 32, -1]],
  ["bstr .size limit", [bytes(3)], [bytes(4)]],
  ["uint .le 100", [0, 100], [101, -1]],
  ["uint .lt 100", [99], [100]],
  ["int .ge -5", [-5, 9], [-6]],
  ["bstr .cbor inner", [cbor(map([1, 2]))], [cbor(map([1, "2"])), cbor(1), bytes(0), fromHex("a1011802"), 1]],
  [
    "#6.18([bstr, uint])",
    [new Tagged(18, [bytes(1), 2])],
    [[bytes(1), 2], new Tagged(18, [2]), new Tagged(17, [bytes(1), 2])],
  ],
  ["{}", [map()], [map([1, 1]), [], {}]],
  [
    "{ 1: uint, ? 2 => tstr, -3: bool }",
    [map([1, 5], [-3, true]), map([1, 5], [2, "a"], [-3, true])],
    [
      map([-3, true]),
      map([1, "5"], [-3, true]),
      map([1, 5], [2, 2], [-3, true]),
      map([1, 5], [3, true], [-3, true]),
      map(["1", 5], [-3, true]),
    ],
  ],
  ["{ name: tstr }", [map(["name", "a"])], [map(["name", 1]), map([1, "a"]), map()]],
  [
    "{ 1: uint, * (64..18446744073709551615) => any }",
    [map([1, 1]), map([1, 1], [64, "x"], [MAX_U64, null])],
    [map([1, 1], [63, "x"]), map([64, "x"]), map([1, 1], [-64, 0])],
  ],
  [
    "{ 0*2 uint => bool }",
    [map(), map([1, true], [2, false])],
    [map([1, true], [2, true], [3, true]), map([1, 1])],
  ],
  ["{ 1: uint, * int => tstr }", [map([1, 1], [2, "a"])], [map([1, "a"]), map([1, 1], [2, 2])]],
  ["[]", [[]], [[1], map()]],
  ["[ uint, tstr ]", [[1, "a"]], [[1], ["a", 1], [1, "a", 2], []]],
  [
    "[ number: uint, ? name: tstr, bool ]",
    [
      [1, true],
      [1, "a", true],
    ],
    [
      [1, "a"],
      [1, "a", "b", true],
    ],
  ],
  ["[ * uint ]", [[], [1, 2, 3]], [[1, "a"], map()]],
  ["[ + uint ]", [[1]], [[], ["a"]]],
  ["[ 0*2 uint ]", [[], [1, 2]], [[1, 2, 3]]],
  ["[ 1*2 [ uint, bstr .size 1 ] ]", [[[1, bytes(1)]]], [[], [[1, bytes(2)]], [1, bytes(1)]]],
  ["[ *2 uint, tstr ]", [["a"], [1, 2, "a"]], [[1, 2, 3, "a"]]],
  [
    "[ 2* uint ]",
    [
      [1, 2],
      [1, 2, 3],
    ],
    [[1]],
  ],
  ["inner", [map([1, 2])], [map([1, "a"]), 1]],
  ["tree", [[], [[], [[]]]], [[1], [[[1]]]]],
];
const rules = "inner = { 1: uint }\nlimit = 3\ntree = [ * tree ]\n";

describe.each(constructs)("%s", (type, good, bad) => {
  const cddl = parseCddl(`${rules}it = ${type}`);
  test("matches", () => {
    for (const value of good) expect(validate(cddl, "it", value)).toBeUndefined();
  });
  test("refuses", () => {
    for (const value of bad) expect(validate(cddl, "it", value), String(value)).toMatch(/^it/);
  });
});

test("a mismatch names the place and the type", () => {
  const cddl = parseCddl("it = { 3: [ * level ] }\nlevel = 0..4 ; none to revoked");
  expect(validate(cddl, "it", map([3, [0, 4, 5]]))).toBe("it.3: 5 at [2] is not expected");
  expect(validate(cddl, "it", map([3, 1]))).toBe("it.3: 1 is not an array");
  expect(validate(cddl, "level", 9)).toBe("level: 9 is not 0..4");
});

test("a rule that is not there is our mistake, not a mismatch", () => {
  expect(() => validate(parseCddl("a = uint"), "b", 1)).toThrow(RangeError);
});

describe("CDDL text", () => {
  test("comments, blank lines, missing commas and rules in any order", () => {
    const cddl = parseCddl("; head\n\na = {\n  1: b ; the key\n  2: b\n}\n; tail; again\nb = uint");
    expect([...cddl.keys()]).toEqual(["a", "b"]);
    expect(validate(cddl, "a", map([1, 1], [2, 2]))).toBeUndefined();
  });
  test.each([
    ["no type", "a = uint\nb =", 2],
    ["no rule of that name", "a = uint\nb = [ c ]", 2],
    ["two rules of one name", "a = uint\na = tstr", 2],
    ["a rule named like a type", "uint = 1", 1],
    ["an open map", "a = {\n 1: uint", 2],
    ["a member with no key", "a = {\n uint\n}", 3],
    ["a group choice", "a = [ uint // tstr ]", 1],
    ["a half-open range", "a = 0...4", 1],
    ["a range of texts", 'a = "a".."b"', 1],
    ["an unknown control", "a = tstr .regexp x", 1],
    ["a stray sign", "a = uint\n\n&", 3],
    ["an open text", 'a = "x\n', 1],
  ])("with %s is refused, naming the line", (_name, text, line) => {
    expect(() => parseCddl(text)).toThrow(new RegExp(`^line ${line}: `));
  });
});

describe("bytes", () => {
  test("are read as cborg reads them", () => {
    expect(decodeForCddl(fromHex("d28341a0a10141ff1bffffffffffffffff"))).toEqual(
      new Tagged(18, [fromHex("a0"), map([1, fromHex("ff")]), MAX_U64]),
    );
  });
  test.each([
    ["nothing", ""],
    ["trailing bytes", "0000"],
    ["a long integer", "1800"],
    ["a long length", "5801ff"],
    ["a repeated key", "a201000100"],
    ["keys out of order", "a202000100"],
    ["an array of indefinite length", "9f00ff"],
    ["a float that is an integer", "f93c00"],
    ["undefined", "f7"],
    ["not a number", "f97e00"],
    ["a tag that is not ours", "c100"],
    ["text that is not UTF-8", "61ff"],
    ["a truncated string", "42ff"],
  ])("with %s are refused", (_name, hex) => {
    expect(() => decodeForCddl(fromHex(hex))).toThrow(Error);
  });
});
