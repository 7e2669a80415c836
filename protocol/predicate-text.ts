/**
 * Predicates as text, for operators and logs: `model in {"cam-2", "cam-3"} and not (number in 100..200)`.
 * `and` beside `or` needs parentheses: a rule of precedence that somebody remembers wrongly holds the
 * wrong devices. Texts are written as in JSON, bytes as in CBOR's diagnostic notation (RFC 8949 §8).
 */
import { fromHex, toHex } from "./bytes.js";
import { encodeCbor } from "./codec.js";
import { COSE_ALGORITHMS } from "./cose.js";
import { ProtocolError, type ProtocolErrorCode } from "./errors.js";
import {
  compareValues,
  type FactName,
  FACTS,
  factType,
  type FactValue,
  MAX_SET_VALUES,
  type Predicate,
  predicate,
} from "./predicate.js";

/** Longest text that is parsed, in UTF-16 units. */
export const MAX_PREDICATE_TEXT = 1024;

/**
 * Reads a predicate; sets may stand in any order.
 * @throws ProtocolError "malformed", "out-of-range" or "too-large" that says what was expected and at which
 * character, counted from 1.
 */
export function parsePredicate(text: string): Predicate {
  if (text.length > MAX_PREDICATE_TEXT)
    throw new ProtocolError("too-large", `a predicate has at most ${MAX_PREDICATE_TEXT} characters`);
  const tokens = tokenize(text);
  let at = 0;

  const peek = (): Token => tokens[Math.min(at, tokens.length - 1)]!;
  const is = (word: string) => (peek().kind === "name" || peek().kind === "sign") && peek().text === word;
  const take = (): Token => tokens[at++]!;
  const skip = (word: string) => is(word) && Boolean(take());
  const need = (word: string) => skip(word) || expected(`"${word}"`, peek());

  function combination(): Predicate {
    const { position } = peek();
    const first = operand();
    const op = is("and") ? "and" : is("or") ? "or" : undefined;
    if (!op) return first;
    const operands = [first];
    while (skip(op)) operands.push(operand());
    if (is(op === "and" ? "or" : "and")) expected('parentheses between "and" and "or"', peek());
    return checked({ op, operands }, position);
  }

  function operand(): Predicate {
    const { kind, text: word, position } = peek();
    if (skip("not")) return checked({ op: "not", operand: operand() }, position);
    if (skip("everything")) return { op: "everything" };
    if (skip("(")) {
      const inner = combination();
      need(")");
      return inner;
    }
    if (kind !== "name" || !Object.hasOwn(FACTS, word))
      return expected(`"not", "everything", "(" or one of ${Object.keys(FACTS).join(", ")}`, peek());
    take();
    return condition(word as FactName, position);
  }

  function condition(fact: FactName, position: number): Predicate {
    if (skip("=")) return checked(setOf(fact, [value(fact)]), position);
    if (!skip("in")) return expected('"=" or "in"', peek());
    if (skip("{")) return checked(setOf(fact, values(fact)), position);
    if (READERS[fact] !== integer) return expected('"{"', peek());
    if (peek().kind !== "integer") return expected('"{" or a range such as 1..9', peek());
    const min = value(fact);
    need("..");
    return checked({ op: "range", fact, min, max: value(fact) } as Predicate, position);
  }

  function values(fact: FactName): readonly FactValue[] {
    const found = [value(fact)];
    while (!is("}")) {
      if (!skip(",")) expected('"," or "}"', peek());
      const { position } = peek();
      if (found.length === MAX_SET_VALUES)
        refuse("too-large", `a set has at most ${MAX_SET_VALUES} values`, position);
      const next = value(fact);
      if (found.some((known) => compareValues(fact, known, next) === 0))
        refuse("malformed", "this value stands in the set already", position);
      found.push(next);
    }
    take();
    return found;
  }

  function value(fact: FactName): FactValue {
    const token = peek();
    const { position } = token;
    const read = READERS[fact](token);
    take();
    const type = factType(fact);
    const item = type.toCbor(read);
    located(position, () => [type.fromCbor(item, fact), encodeCbor(item)]);
    return read;
  }

  const whole = combination();
  if (peek().kind !== "end") expected('"and", "or" or the end', peek());
  return whole;
}

/** The one text that stands for a predicate. `parsePredicate` reads it back, up to `MAX_PREDICATE_TEXT`. */
export function printPredicate(printed: Predicate): string {
  switch (printed.op) {
    case "everything":
      return "everything";
    case "in": {
      const values = printed.values.map((value) => printValue(printed.fact, value));
      return values.length === 1
        ? `${printed.fact} = ${values[0]}`
        : `${printed.fact} in {${values.join(", ")}}`;
    }
    case "range":
      return `${printed.fact} in ${printed.min}..${printed.max}`;
    case "and":
    case "or":
      return printed.operands.map(printOperand).join(` ${printed.op} `);
    case "not":
      return `not (${printPredicate(printed.operand)})`;
  }
}

function printOperand(operand: Predicate): string {
  const text = printPredicate(operand);
  return operand.op === "and" || operand.op === "or" ? `(${text})` : text;
}

function printValue(fact: FactName, value: FactValue): string {
  if (value instanceof Uint8Array) return `h'${toHex(value)}'`;
  if (typeof value === "number" || fact === "algorithm") return String(value);
  return quoted(value);
}

/** Who approves a text, or reads a refusal, must see what it holds: nothing that cannot be seen stands for itself. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/(?! )[\p{C}\p{Z}]/gu, (hidden) =>
    Array.from(
      { length: hidden.length },
      (_, i) => `\\u${hidden.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

interface Token {
  readonly kind: "integer" | "text" | "bytes" | "name" | "sign" | "other" | "end";
  readonly text: string;
  /** Of its first character, from 1. */
  readonly position: number;
}
const TOKEN =
  /\s*(?:(?<integer>\d+)|(?<text>"(?:[^"\\]|\\.)*")|h'(?<bytes>[0-9a-fA-F]*)'|(?<name>[A-Za-z]\w*)|(?<sign>\.\.|[={}(),])|(?<other>\S+))/gu;

/** Never fails: what is no token is one of kind `other`, and the parser says what it wants there instead. */
function tokenize(text: string): readonly Token[] {
  const tokens = [...text.matchAll(TOKEN)].map((match): Token => {
    const [kind, word] = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined)!;
    const blank = match[0].length - match[0].trimStart().length;
    return { kind: kind as Token["kind"], text: word, position: match.index + blank + 1 };
  });
  return [...tokens, { kind: "end", text: "", position: text.length + 1 }];
}

/** How a value of each fact is written. */
const READERS: Readonly<Record<FactName, (token: Token) => FactValue>> = {
  number: integer,
  generation: integer,
  station: integer,
  model: string,
  firmware: string,
  hardwareId: byteString,
  algorithm,
};

function integer(token: Token): number {
  return token.kind === "integer" ? Number(token.text) : expected("an integer", token);
}

function string(token: Token): string {
  if (token.kind !== "text") return expected("a text in double quotes", token);
  try {
    return JSON.parse(token.text) as string;
  } catch {
    return expected("a text as in JSON", token);
  }
}

function byteString(token: Token): Uint8Array {
  const isWhole = token.kind === "bytes" && token.text.length % 2 === 0;
  return isWhole ? fromHex(token.text) : expected("bytes such as h'00ff'", token);
}

function algorithm(token: Token): FactValue {
  const names = Object.keys(COSE_ALGORITHMS) as readonly (keyof typeof COSE_ALGORITHMS)[];
  const found = token.kind === "name" && names.find((name) => name === token.text);
  return found || expected(names.join(" or "), token);
}

function setOf(fact: FactName, values: readonly FactValue[]): Predicate {
  const sorted = values.toSorted((a, b) => compareValues(fact, a, b));
  return { op: "in", fact, values: sorted } as Predicate;
}

/** The same, if it keeps every bound that a reader of the wire would hold it to. */
function checked(part: Predicate, position: number): Predicate {
  return located(position, () => predicate.fromCbor(predicate.toCbor(part), "this predicate"));
}

/** Says where in the text the refusal of `check` belongs. */
function located<T>(position: number, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof ProtocolError) return refuse(error.code, error.message, position);
    throw error;
  }
}

function expected(want: string, { kind, text, position }: Token): never {
  const found = kind === "end" ? "the end" : quoted(text.slice(0, 32));
  return refuse("malformed", `${want} expected, not ${found}`, position);
}

function refuse(code: ProtocolErrorCode, why: string, position: number): never {
  throw new ProtocolError(code, `predicate at character ${position}: ${why}`);
}
