/** Errors of the API: problem details (RFC 9457) with a `code` for programs and a `detail` that says what to do. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ProtocolError } from "../../protocol/errors.js";
import { FleetError } from "../errors.js";
import type { Refusal } from "../refusal.js";

export type ProblemCode =
  | Refusal["code"]
  | "unauthenticated" // no token, or none that is known
  | "too-large" // the body is over its bound
  | "wrong-media-type"
  | "method-not-allowed"
  | "internal"; // a mistake of ours

const STATUS: Record<ProblemCode, ContentfulStatusCode> = {
  malformed: 400,
  "bad-request": 400,
  unauthenticated: 401,
  denied: 403,
  "not-allowed": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  conflict: 409,
  "approval-needed": 409,
  held: 409,
  revoked: 409,
  "pending-import": 409,
  "approval-pending": 409,
  expired: 409,
  suspected: 409,
  superseded: 409,
  "bad-ticket": 409,
  "not-enrolled": 409,
  "too-large": 413,
  "wrong-media-type": 415,
  internal: 500,
  overloaded: 503,
  "retry-later": 503,
  "storage-failed": 503,
  fenced: 503,
  unreachable: 503,
  "fleet-unreachable": 503,
};

/** What a client gets, as `application/problem+json`. */
export interface ProblemBody {
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** A request that the API refuses. `message` is shown to the client. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly retryAfterSeconds: number | undefined;
  constructor(code: ProblemCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = "Problem";
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** @throws Problem when the fleet refused. */
export function assertAccepted({ refusal }: { readonly refusal?: Refusal }): void {
  if (refusal) throw new Problem(refusal.code, refusal.text, refusal.retryAfterSeconds);
}

/** May come from the request itself, and would do something to the terminal or the log that shows the detail. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** @param report - told of failures that are ours, which the client learns nothing about. */
export function problemResponse(error: unknown, c: Context, report: (error: unknown) => void): Response {
  const problem = problemOf(error);
  const status = STATUS[problem.code];
  if (status >= 500) report(error);
  if (status === 401) c.header("WWW-Authenticate", "Bearer"); // RFC 9110 §11.6.1
  if (problem.retryAfterSeconds !== undefined) c.header("Retry-After", String(problem.retryAfterSeconds));
  // The rest of a body that was refused unread is not worth reading, and would stand before the next request.
  if (c.req.method === "POST") c.header("Connection", "close");
  c.header("Content-Type", "application/problem+json");
  const title = problem.code.replaceAll("-", " ");
  const detail = problem.message.replaceAll(HIDDEN, "?");
  const body: ProblemBody = { title, status, code: problem.code, detail };
  return c.body(JSON.stringify(body), status);
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof FleetError) return new Problem(error.code, error.message);
  if (error instanceof ProtocolError) return new Problem("malformed", error.message);
  // Node's word for a client that hung up in the middle of its body: nobody reads the answer, and it is no fault here.
  if (error instanceof Error && "code" in error && error.code === "ECONNRESET")
    return new Problem("bad-request", "the request ended before all of its body had come");
  return new Problem("internal", "the server made a mistake; its own output says more");
}
