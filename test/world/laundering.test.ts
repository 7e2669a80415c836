/** No laundering (P7): whatever is tried, what holds a device holds its hardware. docs/laundering.md has the cells. */
import { expect, test } from "vitest";
import { ATTEMPTS } from "./laundering/attempts.js";
import { HEAD, play, tableInDocument } from "./laundering/matrix.js";

const [head, _rule, ...rows] = tableInDocument();

test("docs/laundering.md has a row for each attempt and a column for each way to be held", () => {
  expect(head).toEqual(HEAD);
  expect(rows.map(([name]) => name)).toEqual(ATTEMPTS.map(({ name }) => name));
});

const attempts = ATTEMPTS.map((attempt) => [attempt.name, attempt] as const);
test.each(attempts)(
  "P7: %s: clears no level, and ends as docs/laundering.md says",
  async (_name, attempt) => {
    const { cells, complaints } = await play(attempt);
    expect(complaints).toEqual([]);
    expect(rows.find(([name]) => name === attempt.name)).toEqual([attempt.name, ...cells]);
  },
);
