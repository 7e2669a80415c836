/** The types that every CDDL text may name (RFC 8610 appendix D), as far as ours does. */

export const PRELUDE: ReadonlyMap<string, (value: unknown) => boolean> = new Map<
  string,
  (value: unknown) => boolean
>([
  ["any", () => true],
  ["uint", (value) => (integer(value) ?? -1n) >= 0n],
  ["nint", (value) => (integer(value) ?? 0n) < 0n],
  ["int", (value) => integer(value) !== undefined],
  ["bstr", (value) => value instanceof Uint8Array],
  ["tstr", (value) => typeof value === "string"],
  ["bool", (value) => typeof value === "boolean"],
  ["true", (value) => value === true],
  ["false", (value) => value === false],
  ["nil", (value) => value === null],
]);

/** The value as bigint, undefined when it is no integer. */
export function integer(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : undefined;
}
