/** Lists by device number, a page at a time: `after` the last number seen, at most `limit`. */
import { decimal, once } from "./input.js";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

export const pageQuery = {
  after: once(decimal(10)),
  limit: once(decimal(4).refine((limit) => limit >= 1 && limit <= MAX_LIMIT, `limit is 1 to ${MAX_LIMIT}`)),
};

export interface PageQuery {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

/** @returns the numbers of this page, rising, and `next`: the `after` of the page behind it, if there is one. */
export function pageOf(numbers: Iterable<number>, { after = 0, limit = DEFAULT_LIMIT }: PageQuery) {
  const behind: number[] = [];
  for (const number of numbers) if (number > after) behind.push(number);
  const page = behind.sort((a, b) => a - b).slice(0, limit);
  const last = page.at(-1);
  return behind.length > page.length && last !== undefined ? { page, next: last } : { page };
}
