/** Predicates as text: what is printed is read back as the same, and whoever errs is told where. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_OPERANDS, MAX_PREDICATE_NODES, MAX_SET_VALUES } from "../../protocol/predicate.js";
import { MAX_PREDICATE_TEXT, parsePredicate, printPredicate } from "../../protocol/predicate-text.js";
import { decode, encode, large, predicates, refusal, RUNS } from "./predicates.js";

describe("text", () => {
  test.each([
    ["everything"],
    ['model in {"cam-2", "cam-3"} and not (number in 100..200)'],
    ['firmware = "1.2"'],
    ["(number = 1 and generation = 2) or station in {1, 2}"],
    ["(number = 1 or number = 2) or number = 3"],
    ["not (not (everything))"],
    ["not (number = 1 or number = 2)"],
    ["hardwareId in {h'01', h'00ff'}"],
    ["algorithm in {ES256, Ed25519}"],
    ["number in {9, 10}"],
    ['model in {"b", "aa"}'],
    ['model = "a \\"b\\" \\\\ \\u202e"'],
  ])("%s is printed as it was read", (text) => {
    expect(printPredicate(parsePredicate(text))).toBe(text);
  });

  test.each([
    ["  number=1  ", "number = 1"],
    ["number in{10,9}", "number in {9, 10}"],
    ["number in {9}", "number = 9"],
    ["number in 007 .. 010", "number in 7..10"],
    ["not number = 1 and everything", "not (number = 1) and everything"],
    ["((number = 1))", "number = 1"],
    ["number = 1\n and (not not everything)", "number = 1 and not (not (everything))"],
    ["hardwareId = h'00FF'", "hardwareId = h'00ff'"],
    ['model = "\u202e\u{e0041}"', 'model = "\\u202e\\udb40\\udc41"'],
    ['model = "\\u00e9"', 'model = "é"'],
    ["algorithm in {Ed25519, ES256}", "algorithm in {ES256, Ed25519}"],
  ])("%j is printed as %j", (text, want) => {
    expect(printPredicate(parsePredicate(text))).toBe(want);
  });

  /** `at`: the character, from 1, where the reader is told to look. */
  test.each<[text: string, code: string, at: number]>([
    ["", "malformed", 1],
    ["   ", "malformed", 4],
    ["colour = 1", "malformed", 1],
    ["toString = 1", "malformed", 1],
    ["Everything", "malformed", 1],
    ["number", "malformed", 7],
    ["number == 1", "malformed", 9],
    ["number in", "malformed", 10],
    ["number in {}", "malformed", 12],
    ["number in {1, 2", "malformed", 16],
    ["number in {1 2}", "malformed", 14],
    ["number in {1, 2, 1}", "malformed", 18],
    ["number in 1", "malformed", 12],
    ["number in 1..", "malformed", 14],
    ["number in 1...2", "malformed", 14],
    ["number in 2..1", "out-of-range", 1],
    ["number = 0", "out-of-range", 10],
    ["everything and number = 4294967296", "out-of-range", 25],
    ["number = 99999999999999999999", "out-of-range", 10],
    ["number = -1", "malformed", 10],
    ['number = "1"', "malformed", 10],
    ["number = 1 2", "malformed", 12],
    ["model = cam", "malformed", 9],
    ['model = "cam', "malformed", 9],
    ['model = "\\q"', "malformed", 9],
    ['model = "a\nb"', "malformed", 9],
    ['model = "\\ud800"', "malformed", 9],
    [`model = "${"é".repeat(17)}"`, "out-of-range", 9],
    ['model in "a".."b"', "malformed", 10],
    ["model in 1..2", "malformed", 10],
    ["hardwareId = h'0'", "malformed", 14],
    ["hardwareId = h''", "out-of-range", 14],
    ["hardwareId = h'0g'", "malformed", 14],
    ["algorithm = ES384", "malformed", 13],
    ['algorithm = "ES256"', "malformed", 13],
    ["(everything", "malformed", 12],
    ["everything)", "malformed", 11],
    ["not", "malformed", 4],
    ["everything and", "malformed", 15],
    ["everything and everything or everything", "malformed", 27],
    ["everything or everything and everything", "malformed", 26],
    ["not not not not everything", "too-large", 1],
    ["everything and not not not everything", "too-large", 1],
    [Array.from({ length: MAX_OPERANDS + 1 }, () => "everything").join(" or "), "out-of-range", 1],
    [`number in {${Array.from({ length: MAX_SET_VALUES + 1 }, (_, i) => i + 1).join(",")}}`, "too-large", 51],
    [printPredicate(large(MAX_PREDICATE_NODES + 1)), "too-large", 1],
    ["&", "malformed", 1],
  ])("%j is refused: %s at character %i", (text, code, at) => {
    expect(refusal(() => parsePredicate(text))).toBe(code);
    expect(() => parsePredicate(text)).toThrow(new RegExp(`^predicate at character ${at}: `));
  });

  test("P11: 1,024 characters are read, one more is not", () => {
    const text = (length: number) => "everything".padEnd(length);
    expect(refusal(() => parsePredicate(text(MAX_PREDICATE_TEXT)))).toBeUndefined();
    expect(refusal(() => parsePredicate(text(MAX_PREDICATE_TEXT + 1)))).toBe("too-large");
  });

  test("as many parentheses as fit are no load", () => {
    const half = (MAX_PREDICATE_TEXT - "everything".length) / 2;
    const text = `${"(".repeat(half)}everything${")".repeat(half)}`;
    expect(parsePredicate(text)).toEqual({ op: "everything" });
    expect(refusal(() => parsePredicate("(".repeat(MAX_PREDICATE_TEXT)))).toBe("malformed");
    expect(refusal(() => parsePredicate("not ".repeat(MAX_PREDICATE_TEXT / 4)))).toBe("malformed");
  });
});

describe("any", () => {
  test("its text is read back as the same, and is the only one that is printed", () => {
    fc.assert(
      fc.property(predicates(), (asked) => {
        const text = printPredicate(asked);
        fc.pre(text.length <= MAX_PREDICATE_TEXT);
        expect(parsePredicate(text)).toEqual(asked);
        expect(printPredicate(parsePredicate(text))).toBe(text);
        expect(text).not.toMatch(/(?! )[\p{C}\p{Z}]/u);
      }),
      RUNS,
    );
  });

  test("any text is a predicate or a refusal", () => {
    const signs = ['"', "(", ")", "{", "}", "..", "=", ",", " ", "\n", "\\", "h'0", "'", "7", "é", "\ud800"];
    const words = [
      "and ",
      "or ",
      "not ",
      "in ",
      "everything ",
      "number ",
      'model = "a" ',
      "number in {1, 2} ",
    ];
    const pieces = fc.constantFrom(...signs, ...words);
    const texts = fc.array(pieces, { maxLength: 12 }).map((some) => some.join(""));
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        if (refusal(() => parsePredicate(text)) !== undefined) return;
        read += 1;
        const asked = parsePredicate(text);
        expect(parsePredicate(printPredicate(asked))).toEqual(asked);
        expect(decode(encode(asked))).toEqual(asked);
      }),
      { ...RUNS, numRuns: 10_000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
