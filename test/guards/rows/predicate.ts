/** Guards of the advisory predicates: whoever cannot tell is held, every bound is kept, text says what it means. */
import type { Guard } from "../guard.js";

const LOGIC = "test/protocol/predicate.test.ts";
const WIRE = "test/protocol/predicate-wire.test.ts";
const TEXT = "test/protocol/predicate-text.test.ts";

export const predicateGuards: readonly Guard[] = [
  {
    name: "a device that cannot tell is meant by an advisory",
    file: "protocol/predicate.ts",
    find: 'return matches(predicate, facts) !== "no";',
    replace: 'return matches(predicate, facts) === "yes";',
    test: { file: LOGIC, name: "unknown: not gives unknown; applies is true" },
  },
  {
    name: "an unknown fact is no mismatch in a set",
    file: "protocol/predicate.ts",
    find: 'if (fact === undefined) return "unknown";\n      const values',
    replace: 'if (fact === undefined) return "no";\n      const values',
    test: { file: LOGIC, name: 'model = "cam-2": yes; and unknown' },
  },
  {
    name: "an unknown fact is no mismatch in a range",
    file: "protocol/predicate.ts",
    find: 'if (fact === undefined) return "unknown";\n      return',
    replace: 'if (fact === undefined) return "no";\n      return',
    test: { file: LOGIC, name: "number in 100..150: yes; and unknown" },
  },
  {
    name: "not of unknown is unknown",
    file: "protocol/predicate.ts",
    find: 'unknown: "unknown", yes: "no" }',
    replace: 'unknown: "no", yes: "no" }',
    test: { file: LOGIC, name: "unknown: not gives unknown; applies is true" },
  },
  {
    name: "predicates nest 4 deep",
    principle: "P11",
    file: "protocol/predicate.ts",
    find: "if (depth > MAX_PREDICATE_DEPTH)",
    replace: "if (depth > 100)",
    test: { file: WIRE, name: "P11: 4 levels are read, 5 are not" },
  },
  {
    name: "predicates have 32 nodes",
    principle: "P11",
    file: "protocol/predicate.ts",
    find: "if (nodes > MAX_PREDICATE_NODES)",
    replace: "if (nodes > 1000)",
    test: { file: WIRE, name: "P11: 32 nodes are read, 33 are not" },
  },
  {
    name: "sets and operands are counted",
    principle: "P11",
    file: "protocol/predicate.ts",
    find: "if (rest.length < min || rest.length > max)",
    replace: "if (rest.length < min)",
    test: { file: WIRE, name: "P11: sets of fact 1 have 16 values, not 17" },
  },
  {
    name: "a set of values has one form",
    file: "protocol/predicate.ts",
    find: "compareValues(fact, values[i - 1]!, value) >= 0",
    replace: "compareValues(fact, values[i - 1]!, value) > 0",
    test: {
      file: WIRE,
      name: "no second form, and nothing that cannot be meant: a value twice",
    },
  },
  {
    name: "a range does not end before it begins",
    file: "protocol/predicate.ts",
    find: "if (min > max)",
    replace: "if (min < 0)",
    test: {
      file: WIRE,
      name: "cannot be meant: a range that ends before it begins",
    },
  },
  {
    name: "predicates as text are bounded",
    principle: "P11",
    file: "protocol/predicate-text.ts",
    find: "if (text.length > MAX_PREDICATE_TEXT)",
    replace: "if (text.length > 2 * MAX_PREDICATE_TEXT)",
    test: { file: TEXT, name: "P11: 1,024 characters are read" },
  },
  {
    name: "and beside or needs parentheses",
    file: "protocol/predicate-text.ts",
    find: 'if (is(op === "and" ? "or" : "and")) expected(\'parentheses between "and" and "or"\', peek());',
    replace: 'while (skip(op === "and" ? "or" : "and")) operands.push(operand());',
    test: {
      file: TEXT,
      name: '"everything and everything or everything" is refused',
    },
  },
  {
    name: "nothing of a text is left unread",
    file: "protocol/predicate-text.ts",
    find: 'if (peek().kind !== "end") expected(\'"and", "or" or the end\', peek());',
    replace: "",
    test: { file: TEXT, name: '"number = 1 2" is refused' },
  },
  {
    name: "what is printed hides no character",
    file: "protocol/predicate-text.ts",
    find: ".replace(/(?! )[\\p{C}\\p{Z}]/gu,",
    replace: ".replace(/(?! )[\\p{C}\\p{Z}]{99}/gu,",
    test: { file: TEXT, name: '\\u202e" is printed as it was read' },
  },
];
