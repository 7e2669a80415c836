/** Every input that ever came to what must not be, tried again. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EDGES } from "./all.js";
import { readCorpus } from "./corpus.js";
import type { OpenEdge } from "./edge.js";

const cases = readCorpus();

const tried = EDGES.filter(({ name }) => cases.some(({ edge }) => edge === name));

describe.each(tried.map((edge) => [edge.name, edge] as const))("%s", (_, edge) => {
  let open: OpenEdge;
  beforeAll(async () => {
    open = await edge.open();
  });
  afterAll(() => open.close());

  const own = cases.filter((one) => one.edge === edge.name);
  test.each(own.map((one) => [one.name, one] as const))("%s", async (_name, { input, want }) => {
    expect(await open.attempt(input)).toBe(want);
  });
});

test("every case is for an edge that there is", () => {
  const names = EDGES.map(({ name }) => name);
  expect(cases.filter(({ edge }) => !names.includes(edge))).toEqual([]);
});
