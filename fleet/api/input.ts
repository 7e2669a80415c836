/** The edge of the API: query and body in, checked values out. What is not declared is refused. */
import type { Context } from "hono";
import { z } from "zod";
import { Problem } from "./problem.js";

/** As much of what is wrong with a request as goes into an answer. */
const MAX_DETAIL_CHARACTERS = 300;

/** At most one value, as against a parameter that may be given several times. */
export function once<T extends z.ZodType>(value: T) {
  return z
    .tuple([value])
    .transform(([only]) => only)
    .optional();
}

/** A whole number in decimal, of at most `digits` digits. */
export function decimal(digits: number) {
  return z
    .string()
    .regex(new RegExp(`^[0-9]{1,${digits}}$`), "not a whole number")
    .transform(Number);
}

/** @throws Problem "bad-request", "wrong-media-type". */
export async function readJson<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    throw new Problem("wrong-media-type", "send Content-Type: application/json");
  const bytes = await c.req.arrayBuffer();
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Problem("bad-request", "the body is not JSON in UTF-8");
  }
  return check(schema, value);
}

/** @throws Problem "bad-request". */
export function readQuery<T>(c: Context, schema: z.ZodType<T>): T {
  const query = new Map<string, string[]>();
  for (const [name, value] of new URL(c.req.url).searchParams) {
    query.set(name, [...(query.get(name) ?? []), value]);
  }
  return check(schema, Object.fromEntries(query));
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => [...path, message].join(": ")).join("; ");
  throw new Problem("bad-request", wrong.slice(0, MAX_DETAIL_CHARACTERS));
}
