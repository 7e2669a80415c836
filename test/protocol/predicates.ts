/** Predicates and devices for the tests of the predicate language: at random, and at each bound. */
import fc from "fast-check";
import { fromHex } from "../../protocol/bytes.js";
import { decodeCbor, encodeCbor } from "../../protocol/codec.js";
import { ProtocolError } from "../../protocol/errors.js";
import {
  compareValues,
  type FactName,
  type Facts,
  type FactValue,
  MAX_OPERANDS,
  MAX_PREDICATE_DEPTH,
  MAX_PREDICATE_NODES,
  type Predicate,
  predicate,
} from "../../protocol/predicate.js";

/** Undefined, or the code of what was thrown. @throws whatever is not a ProtocolError. */
export function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

/** Bytes of one predicate, and back as a reader would. */
export function encode(value: Predicate): Uint8Array {
  return encodeCbor(predicate.toCbor(value));
}

export function decode(bytes: Uint8Array): Predicate {
  return predicate.fromCbor(decodeCbor(bytes), "predicate");
}

/** Few values of each fact, so that predicates and devices meet. */
const POOLS: { readonly [F in FactName]: readonly NonNullable<Facts[F]>[] } = {
  number: [1, 23, 24, 255, 256, 0xffff_ffff],
  generation: [0, 1, 2, 300],
  station: [1, 2, 3, 70_000],
  model: ["", "a", "cam-2", "cam-10", 'é " \\ \u202e \u00a0 🙂'],
  firmware: ["1.2", "1.10", "2", "\ufeffx"],
  hardwareId: ["00", "ff", "0001", "ab".repeat(64)].map(fromHex),
  algorithm: ["ES256", "Ed25519"],
};
export const NAMES = Object.keys(POOLS) as FactName[];

/** The values in the order of the wire. */
export function setOf(fact: FactName, values: readonly FactValue[]): Predicate {
  return { op: "in", fact, values: values.toSorted((a, b) => compareValues(fact, a, b)) } as Predicate;
}

const sets = fc
  .constantFrom(...NAMES)
  .chain((fact) =>
    fc
      .subarray([...(POOLS[fact] as readonly FactValue[])], { minLength: 1 })
      .map((some) => setOf(fact, some)),
  );
const ranges = fc
  .constantFrom("number" as const, "generation" as const, "station" as const)
  .chain((fact) =>
    fc
      .tuple(fc.constantFrom(...POOLS[fact]), fc.constantFrom(...POOLS[fact]))
      .map(([a, b]): Predicate => ({ op: "range", fact, min: Math.min(a, b), max: Math.max(a, b) })),
  );
const simple = fc.oneof(fc.constant<Predicate>({ op: "everything" }), sets, ranges);

export const RUNS = { seed: 20190601, numRuns: 2_000 };

/** At most `depth` deep and `nodes` large. */
export function predicates(
  depth = MAX_PREDICATE_DEPTH,
  nodes = MAX_PREDICATE_NODES,
): fc.Arbitrary<Predicate> {
  if (depth === 1 || nodes < 3) return simple;
  const wide = Math.min(MAX_OPERANDS, Math.floor((nodes - 1) / 3));
  const many = fc.integer({ min: 2, max: Math.max(2, wide) }).chain((count) =>
    fc.array(predicates(depth - 1, Math.floor((nodes - 1) / count)), {
      minLength: count,
      maxLength: count,
    }),
  );
  const combined = fc
    .tuple(fc.constantFrom("and" as const, "or" as const), many)
    .map(([op, operands]): Predicate => ({ op, operands }));
  const negated = predicates(depth - 1, nodes - 1).map((operand): Predicate => ({ op: "not", operand }));
  return fc.oneof(simple, negated, combined, combined);
}

export const devices: fc.Arbitrary<Facts> = fc.record(
  Object.fromEntries(NAMES.map((name) => [name, fc.constantFrom(...POOLS[name])])),
  { requiredKeys: [] },
);

/** `depth` levels of `not`, the innermost `everything`. */
export function deep(depth: number): Predicate {
  return depth === 1 ? { op: "everything" } : { op: "not", operand: deep(depth - 1) };
}

/** An `or` of three full `and`s and what is missing to `nodes`, which is 30 to 36. */
export function large(nodes: number): Predicate {
  const leaf: Predicate = { op: "everything" };
  const full: Predicate = { op: "and", operands: Array.from({ length: MAX_OPERANDS }, () => leaf) };
  const rest = nodes - 1 - 3 * (1 + MAX_OPERANDS);
  return { op: "or", operands: [full, full, full, ...Array.from({ length: rest }, () => leaf)] };
}
