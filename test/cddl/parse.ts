/**
 * Parser of the part of CDDL (RFC 8610) that protocol/daymark.cddl is written in: types, maps, arrays,
 * choices, ranges, tags and a few controls; no groups, generics or sockets.
 */
import { PRELUDE } from "./prelude.js";

export type Node =
  | { readonly kind: "name"; readonly name: string; readonly line: number }
  | { readonly kind: "literal"; readonly value: bigint | string }
  | { readonly kind: "range"; readonly low: bigint; readonly high: bigint }
  | { readonly kind: "choice"; readonly types: readonly Node[] }
  | { readonly kind: "map"; readonly members: readonly (Occurrence & { key: Node; type: Node })[] }
  | { readonly kind: "array"; readonly items: readonly (Occurrence & { type: Node })[] }
  | { readonly kind: "tag"; readonly tag: bigint; readonly type: Node }
  | { readonly kind: "control"; readonly type: Node; readonly control: Control; readonly argument: Node };
/** Both ends included; RFC 8610 §3.2. */
interface Occurrence {
  readonly min: number;
  readonly max: number;
}
const CONTROLS = ["size", "le", "lt", "ge", "cbor"] as const;
type Control = (typeof CONTROLS)[number];

/** Rules by name. */
export type Cddl = ReadonlyMap<string, Node>;

interface Token {
  readonly kind: "number" | "text" | "control" | "name" | "tag" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}
const BLANK = /(?:\s|;[^\n]*)*/y;
const TOKEN =
  /(?<number>-?(?:0x[0-9a-fA-F]+|\d+))|"(?<text>[^"\\\n]*)"|\.(?<control>[a-z]+)|#6\.(?<tag>\d+)|(?<name>[A-Za-z_@$](?:[-.]*[\w@$])*)|(?<sign>=>|\.\.(?!\.)|\/(?!\/)|[=:{}[\](),*?+])/y;

/** @throws SyntaxError that names the line. */
export function parseCddl(text: string): Cddl {
  const tokens = tokenize(text);
  const rules = new Map<string, Node>();
  const mentioned: { name: string; line: number }[] = [];
  let at = 0;

  const peek = (ahead = 0): Token => tokens[Math.min(at + ahead, tokens.length - 1)]!;
  const isSign = (sign: string, ahead = 0) => peek(ahead).kind === "sign" && peek(ahead).text === sign;
  const wrong = (want: string): never => fail(text, peek().at, `${want} expected, not ${shown(peek())}`);
  const take = (kind: Token["kind"], want: string): string =>
    peek().kind === kind ? tokens[at++]!.text : wrong(want);
  const skip = (sign: string): boolean => {
    if (isSign(sign)) at += 1;
    else return false;
    return true;
  };
  const need = (sign: string) => skip(sign) || wrong(`"${sign}"`);

  function type(): Node {
    const types = [constrained()];
    while (skip("/")) types.push(constrained());
    return types.length === 1 ? types[0]! : { kind: "choice", types };
  }

  function constrained(): Node {
    const base = simple();
    if (skip("..")) {
      const high = simple();
      if (!isInteger(base) || !isInteger(high)) return wrong("a range from integer to integer");
      return { kind: "range", low: base.value, high: high.value };
    }
    if (peek().kind !== "control") return base;
    const control = CONTROLS.find((known) => known === peek().text);
    if (!control) return wrong(`one of .${CONTROLS.join(" .")}`);
    at += 1;
    return { kind: "control", type: base, control, argument: simple() };
  }

  function simple(): Node {
    const { kind, text: word, at: start } = peek();
    if (kind === "number") return { kind: "literal", value: integer(take("number", "")) };
    if (kind === "text") return { kind: "literal", value: take("text", "") };
    if (kind === "name") {
      const name = { kind, name: word, line: lineOf(text, start) };
      mentioned.push(name);
      at += 1;
      return name;
    }
    if (kind === "tag") {
      const tag = BigInt(take("tag", ""));
      need("(");
      return { kind: "tag", tag, type: closed(")", type()) };
    }
    if (skip("(")) return closed(")", type());
    if (skip("{")) return { kind: "map", members: list("}", member) };
    if (skip("[")) return { kind: "array", items: list("]", item) };
    return wrong("a type");
  }

  function closed<T>(sign: string, inner: T): T {
    need(sign);
    return inner;
  }

  function list<T>(end: string, entry: () => T): T[] {
    const entries: T[] = [];
    while (!skip(end)) {
      entries.push(entry());
      skip(","); // optional, RFC 8610 §3.1
    }
    return entries;
  }

  function member() {
    const often = occurrence();
    // A bare word before a colon is a text key, RFC 8610 §3.5.1.
    const bare = peek().kind === "name" && isSign(":", 1);
    const key: Node = bare ? { kind: "literal", value: take("name", "") } : constrained();
    if (!skip(":") && !skip("=>")) wrong('":" or "=>" after a map key');
    return { ...often, key, type: type() };
  }

  function item() {
    const often = occurrence();
    if (peek().kind === "name" && isSign(":", 1)) at += 2; // in an array a key is only a comment
    return { ...often, type: type() };
  }

  function occurrence(): Occurrence {
    if (skip("?")) return { min: 0, max: 1 };
    if (skip("+")) return { min: 1, max: Infinity };
    const counted = peek().kind === "number" && isSign("*", 1);
    if (!counted && !isSign("*")) return { min: 1, max: 1 };
    const min = counted ? Number(take("number", "")) : 0;
    const { at: star } = peek();
    need("*");
    const bounded = peek().kind === "number" && peek().at === star + 1; // "*5" is a bound, "* 5" is not
    return { min, max: bounded ? Number(take("number", "")) : Infinity };
  }

  while (peek().kind !== "end") {
    const start = peek().at;
    const name = take("name", "the name of a rule");
    if (rules.has(name) || PRELUDE.has(name)) fail(text, start, `${name} is defined twice`);
    need("=");
    rules.set(name, type());
  }
  for (const { name, line } of mentioned)
    if (!rules.has(name) && !PRELUDE.has(name))
      throw new SyntaxError(`line ${line}: there is no rule ${name}`);
  return rules;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; at = TOKEN.lastIndex) {
    BLANK.lastIndex = at;
    BLANK.test(text);
    const start = BLANK.lastIndex;
    if (start === text.length) return [...tokens, { kind: "end", text: "", at: start }];
    TOKEN.lastIndex = start;
    const found = Object.entries(TOKEN.exec(text)?.groups ?? {}).find(([, word]) => word !== undefined);
    if (!found) return fail(text, start, `${JSON.stringify(text[start])} is not part of our CDDL`);
    tokens.push({ kind: found[0] as Token["kind"], text: found[1], at: start });
  }
}

function integer(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

function isInteger(node: Node): node is { kind: "literal"; value: bigint } {
  return node.kind === "literal" && typeof node.value === "bigint";
}

function shown({ kind, text }: Token): string {
  return kind === "end" ? "the end" : JSON.stringify(text);
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

function fail(text: string, at: number, problem: string): never {
  throw new SyntaxError(`line ${lineOf(text, at)}: ${problem}`);
}
