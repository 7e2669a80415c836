/**
 * Reads TypeScript text far enough to know what it imports and which words are code: comments, strings
 * and regular expressions are blanked, so that a word inside them breaks no rule. Code inside `${…}`
 * stays. Not a parser: where it has to guess (a `/` after `}`), it guesses as a reader would.
 */

interface Import {
  /** Undefined when `import(…)` is given something other than a plain string. */
  readonly specifier: string | undefined;
  readonly line: number;
}

export interface Source {
  readonly imports: readonly Import[];
  /** As long as the text, line for line; what is not code is blank. */
  readonly code: string;
}

interface Literal {
  readonly at: number;
  readonly value: string;
}

const BEFORE_SPECIFIER = /(?:\bfrom|(?<!\.)\bimport(?:\s*\()?|(?<!\.)\brequire\s*\()$/;
const COMPUTED_IMPORT = /(?<!\.)\b(?:import|require)\s*\((?!\s*["'])/g;
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|await|yield))$/;
const REGEX = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//y;
/** Enough of the code before a position to tell what stands there. */
const LOOK_BACK = 60;

export function readSource(text: string): Source {
  const { code, literals } = blank(text);
  const imports: Import[] = literals
    .filter(({ at }) => BEFORE_SPECIFIER.test(lastCode(code, at)))
    .map(({ at, value }) => ({ specifier: value, line: lineAt(text, at) }));
  for (const { index } of code.matchAll(COMPUTED_IMPORT))
    imports.push({ specifier: undefined, line: lineAt(text, index) });
  return { code, imports };
}

/** Lines count from 1. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

function blank(text: string): { code: string; literals: Literal[] } {
  let code = "";
  const literals: Literal[] = [];
  const keep = (size: number) => (code += text.slice(code.length, code.length + size));
  const erase = (end: number) => (code += text.slice(code.length, end).replaceAll(/[^\n]/g, " "));

  function string(quote: string): void {
    const at = code.length;
    const end = closing(text, at + 1, quote);
    literals.push({ at, value: text.slice(at + 1, end) });
    keep(1);
    erase(end);
    keep(1);
  }

  function template(): void {
    keep(1);
    while (code.length < text.length && text[code.length] !== "`") {
      if (text.startsWith("${", code.length)) {
        keep(2);
        codeUntilBrace();
        keep(1);
      } else erase(code.length + (text[code.length] === "\\" ? 2 : 1));
    }
    keep(1);
  }

  /** Stops before the `}` that closes what the caller opened, or at the end of the text. */
  function codeUntilBrace(): void {
    for (let open = 0; code.length < text.length;) {
      const at = code.length;
      const char = text[at];
      const regex = char === "/" && BEFORE_REGEX.test(lastCode(code)) ? regexEnd(text, at) : undefined;
      if (char === "}" && open === 0) return;
      if (char === "{") open += 1;
      if (char === "}") open -= 1;
      if (text.startsWith("//", at)) erase(indexOrEnd(text, "\n", at));
      else if (text.startsWith("/*", at)) erase(indexOrEnd(text, "*/", at + 2) + 2);
      else if (char === '"' || char === "'") string(char);
      else if (char === "`") template();
      else if (regex !== undefined) erase(regex);
      else keep(1);
    }
  }

  while (code.length < text.length) {
    codeUntilBrace();
    keep(1); // a closing brace too many: not ours to judge
  }
  return { code, literals };
}

/** The code that ends before `at`, with no blanks (which may be a comment) at its end. */
function lastCode(code: string, at?: number): string {
  return code.slice(0, at).trimEnd().slice(-LOOK_BACK);
}

function indexOrEnd(text: string, wanted: string, from: number): number {
  const at = text.indexOf(wanted, from);
  return at < 0 ? text.length : at;
}

function closing(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** Where the regular expression that starts at `at` ends, or undefined if it does not end on its line. */
function regexEnd(text: string, at: number): number | undefined {
  REGEX.lastIndex = at;
  return REGEX.test(text) ? REGEX.lastIndex : undefined;
}
