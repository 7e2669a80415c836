/**
 * `/v1/quarantine`: hold devices, lift holds, approve what needs a second person, and see who knows.
 * An approval names the digest of the act that its approver saw.
 */
import { Hono } from "hono";
import { z } from "zod";
import { LEVELS, type Level } from "../../protocol/level.js";
import type { Act } from "../events.js";
import { inForce, MAX_ACT_DEVICES } from "../registry-acts.js";
import type { FleetService } from "../service.js";
import type { ActView } from "../view.js";
import { type ActDevice, type ActProgress, progressOf, stateOn } from "./act-progress.js";
import type { ApiEnv } from "./auth.js";
import { decimal, once, readJson, readQuery } from "./input.js";
import { optionalTimestamp, type Timestamp, timestamp } from "./json.js";
import { pageOf, pageQuery } from "./page.js";
import { assertAccepted, Problem } from "./problem.js";

export interface ActResource {
  /** 16 hex digits. */
  readonly id: string;
  readonly kind: Act["kind"];
  readonly level: Level;
  readonly reason: string;
  /** What an approval has to name: over kind, level, reason and devices. */
  readonly digest: string;
  readonly state: "in-force" | "awaiting-approval" | "expired";
  readonly requestedBy: string;
  readonly requestedAt: Timestamp;
  /** Until when it can be approved. */
  readonly expiresAt?: Timestamp;
  readonly approvedBy?: string;
  readonly approvedAt?: Timestamp;
  readonly progress: ActProgress;
}

/** One act with a page of its devices. */
export interface ActDetail extends ActResource {
  readonly devices: readonly ActDevice[];
  /** `after` of the next page. */
  readonly next?: number;
}

export interface ActList {
  /** Newest first. */
  readonly acts: readonly ActResource[];
}

const DEFAULT_ACTS = 20;
const MAX_ACTS = 100;
const Levels = z.enum(Object.keys(LEVELS) as Level[]);
const Numbers = z.array(z.int().min(1).max(0xffff_ffff)).max(MAX_ACT_DEVICES);
const HoldBody = z.strictObject({ numbers: Numbers, level: Levels, reason: z.string() });
const LiftBody = z.strictObject({ numbers: Numbers, level: Levels.default("none"), reason: z.string() });
const ApproveBody = z.strictObject({ digest: z.string().regex(/^[0-9a-f]{16}$/, "not a digest of an act") });
const ListQuery = z.strictObject({
  limit: once(decimal(3).refine((limit) => limit >= 1 && limit <= MAX_ACTS, `limit is 1 to ${MAX_ACTS}`)),
});
const DetailQuery = z.strictObject(pageQuery);

export function quarantineRoutes(service: FleetService): Hono<ApiEnv> {
  const request = async (act: Act, actor: string): Promise<ActResource> => {
    const outcome = await service.act(act, actor);
    assertAccepted(outcome);
    return resourceOf(service, known(service, outcome.id));
  };
  return new Hono<ApiEnv>()
    .post("/requests", async (c) => {
      const body = await readJson(c, HoldBody);
      return c.json(await request({ kind: "hold", ...body }, c.get("actor")), 201);
    })
    .post("/lifts", async (c) => {
      const body = await readJson(c, LiftBody);
      return c.json(await request({ kind: "release", ...body }, c.get("actor")), 201);
    })
    .post("/requests/:id/approve", async (c) => {
      const { digest } = await readJson(c, ApproveBody);
      const { id } = c.req.param();
      assertAccepted(await service.approve(id, digest, c.get("actor")));
      return c.json(resourceOf(service, known(service, id)));
    })
    .get("/", (c) => {
      const { limit = DEFAULT_ACTS } = readQuery(c, ListQuery);
      const newest = [...service.view.acts.values()].slice(-limit).reverse();
      const list: ActList = { acts: newest.map((view) => resourceOf(service, view)) };
      return c.json(list);
    })
    .get("/:id", (c) => {
      const query = readQuery(c, DetailQuery);
      const view = known(service, c.req.param("id"));
      const { page, ...more } = pageOf(view.act.numbers, query);
      const { devices } = service.view;
      const shown = page.flatMap((number) => stateOn(devices.get(number), view));
      const detail: ActDetail = { ...resourceOf(service, view), devices: shown, ...more };
      return c.json(detail);
    });
}

function known(service: FleetService, id: string): ActView {
  const view = service.view.acts.get(id);
  if (!view) throw new Problem("not-found", "there is no request of this id; list them: GET /v1/quarantine");
  return view;
}

function resourceOf(service: FleetService, view: ActView): ActResource {
  const { id, act, requestedBy, requestedAt, expiresAt, approvedBy, approvedAt } = view;
  const expired = expiresAt !== undefined && service.now() > expiresAt;
  return {
    id,
    kind: act.kind,
    level: act.level,
    reason: act.reason,
    digest: service.actDigest(act),
    state: inForce(view) ? "in-force" : expired ? "expired" : "awaiting-approval",
    requestedBy,
    requestedAt: timestamp(requestedAt),
    ...optionalTimestamp("expiresAt", expiresAt),
    ...(approvedBy !== undefined && { approvedBy }),
    ...optionalTimestamp("approvedAt", approvedAt),
    progress: progressOf(service.view, view),
  };
}
