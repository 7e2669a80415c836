/** Who asks: a bearer token (RFC 6750) is an operator's name, and that name is the actor in the log. */
import type { MiddlewareHandler } from "hono";
import { Problem } from "./problem.js";

/** The operators of this fleet. */
export interface Tokens {
  /** The operator's name, or undefined for a token that is nobody's. */
  actorOf(token: string): string | undefined;
}

/** What every handler behind `authenticate` finds in its context. */
export interface ApiEnv {
  Variables: { actor: string };
}

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export function authenticate(tokens: Tokens): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const token = BEARER.exec(c.req.header("authorization") ?? "")?.[1];
    const actor = token === undefined ? undefined : tokens.actorOf(token);
    if (actor === undefined) {
      throw new Problem(
        "unauthenticated",
        "send 'Authorization: Bearer' with a token of this fleet's token folder",
      );
    }
    c.set("actor", actor);
    await next();
  };
}
