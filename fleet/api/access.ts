/**
 * `/v1/access`: let a device do again what it may not do by itself. Each of these is an operator's request that
 * a second person approves as any other: see `quarantine.ts`.
 */
import { Hono } from "hono";
import { z } from "zod";
import { MAX_ACT_DEVICES } from "../registry-acts.js";
import type { FleetService } from "../service.js";
import { fileAct } from "./acts.js";
import type { ApiEnv } from "./auth.js";
import { readJson } from "./input.js";

const Number32 = z.int().min(1).max(0xffff_ffff);
const AccessBody = z.strictObject({ numbers: z.array(Number32).max(MAX_ACT_DEVICES), reason: z.string() });
/** `key`: Ed25519 public key of the ticket, base64url. */
const TicketBody = z.strictObject({
  number: Number32,
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/, "not 32 bytes in base64url"),
  reason: z.string(),
});

export function accessRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/vouches", async (c) => {
      const body = await readJson(c, AccessBody);
      return c.json(await fileAct(service, { kind: "vouch", ...body }, c.get("actor")), 201);
    })
    .post("/returns", async (c) => {
      const body = await readJson(c, AccessBody);
      return c.json(await fileAct(service, { kind: "readmit", ...body }, c.get("actor")), 201);
    })
    .post("/tickets", async (c) => {
      const { number, key, reason } = await readJson(c, TicketBody);
      const act = { kind: "ticket", numbers: [number], key, reason } as const;
      return c.json(await fileAct(service, act, c.get("actor")), 201);
    });
}
