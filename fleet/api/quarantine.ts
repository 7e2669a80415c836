/**
 * `/v1/quarantine`: hold devices, lift holds, have something done once more, approve what needs a second
 * person, and see who knows. An approval names the digest of the act that its approver saw.
 */
import { Hono } from "hono";
import { z } from "zod";
import { MAX_FRESHNESS_RULES } from "../policy.js";
import { MAX_ACT_DEVICES } from "../registry-acts.js";
import type { FleetService } from "../service.js";
import { statesOn } from "./act-progress.js";
import { type ActDetail, actResource, type ActResource, fileAct, knownAct, Levels } from "./acts.js";
import type { ApiEnv } from "./auth.js";
import { draftsBundle } from "./drafts.js";
import { decimal, once, readJson, readQuery } from "./input.js";
import { sendBundle } from "./octets.js";
import { pageOf, pageQuery } from "./page.js";
import { assertAccepted } from "./problem.js";

export interface ActList {
  /** Newest first. */
  readonly acts: readonly ActResource[];
}

const DEFAULT_ACTS = 20;
const MAX_ACTS = 100;
const Numbers = z.array(z.int().min(1).max(0xffff_ffff)).max(MAX_ACT_DEVICES);
const HoldBody = z.strictObject({ numbers: Numbers, level: Levels, reason: z.string() });
/** What time alone may do to a device; revoked is for people. */
const FreshnessBody = z
  .array(
    z.strictObject({
      afterSeconds: z.int().min(0),
      level: z.enum(["observe", "restrict", "isolate"]),
    }),
  )
  .max(MAX_FRESHNESS_RULES);
const LiftBody = z.strictObject({
  numbers: Numbers,
  level: Levels.default("none"),
  freshness: FreshnessBody.optional(),
  reason: z.string(),
});
const CountBody = z.strictObject({
  numbers: Numbers,
  count: z.enum(["rekey", "reboot", "attest", "wipe"]),
  reason: z.string(),
});
const ApproveBody = z.strictObject({ digest: z.string().regex(/^[0-9a-f]{16}$/, "not a digest of an act") });
const ListQuery = z.strictObject({
  limit: once(decimal(3).refine((limit) => limit >= 1 && limit <= MAX_ACTS, `limit is 1 to ${MAX_ACTS}`)),
});
const DetailQuery = z.strictObject(pageQuery);

export function quarantineRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post("/requests", async (c) => {
      const body = await readJson(c, HoldBody);
      return c.json(await fileAct(service, { kind: "hold", ...body }, c.get("actor")), 201);
    })
    .post("/lifts", async (c) => {
      const { freshness, ...body } = await readJson(c, LiftBody);
      const act = { kind: "release", ...body, ...(freshness && { freshness }) } as const;
      return c.json(await fileAct(service, act, c.get("actor")), 201);
    })
    .post("/counts", async (c) => {
      const body = await readJson(c, CountBody);
      return c.json(await fileAct(service, { kind: "count", ...body }, c.get("actor")), 201);
    })
    .post("/requests/:id/approve", async (c) => {
      const { digest } = await readJson(c, ApproveBody);
      const { id } = c.req.param();
      assertAccepted(await service.approve(id, digest, c.get("actor")));
      return c.json(actResource(service, knownAct(service, id)));
    })
    .get("/:id/drafts", (c) => {
      readQuery(c, z.strictObject({}));
      return sendBundle(c, draftsBundle(service, knownAct(service, c.req.param("id"))));
    })
    .get("/", (c) => {
      const { limit = DEFAULT_ACTS } = readQuery(c, ListQuery);
      const newest = [...service.view.acts.values()].slice(-limit).reverse();
      const list: ActList = { acts: newest.map((view) => actResource(service, view)) };
      return c.json(list);
    })
    .get("/:id", (c) => {
      const query = readQuery(c, DetailQuery);
      const act = knownAct(service, c.req.param("id"));
      const { page, ...more } = pageOf(act.act.numbers, query);
      const devices = statesOn(service.view, act, page);
      const detail: ActDetail = { ...actResource(service, act), devices, ...more };
      return c.json(detail);
    });
}
