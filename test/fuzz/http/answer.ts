/** What may come back over HTTP: an answer below 500, and a problem (RFC 9457) that a program can read. */
import { z } from "zod";
import { Unacceptable } from "../edge.js";
import { isPlainLine } from "../outcome.js";

const Problem = z.strictObject({
  title: z.string(),
  status: z.int(),
  code: z.string().regex(/^[a-z-]+$/),
  detail: z.string(),
});

/** @returns the status, with the code of a problem. @throws Unacceptable */
export function judgeAnswer(status: number, type: string | null, body: string): string {
  if (status >= 500) throw new Unacceptable(`answered with ${status}: ${body.slice(0, 200)}`);
  if (status < 400) return String(status);
  if (type !== "application/problem+json")
    throw new Unacceptable(`a refusal ${status} as ${type}: ${body.slice(0, 200)}`);
  if (body === "") return String(status); // to a HEAD
  const problem = Problem.parse(JSON.parse(body));
  if (problem.status !== status) throw new Unacceptable(`the problem names another status than ${status}`);
  if (!isPlainLine(problem.detail))
    throw new Unacceptable(`a detail that no terminal should show: ${body.slice(0, 200)}`);
  return `${status} ${problem.code}`;
}
