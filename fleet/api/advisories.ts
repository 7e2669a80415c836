/**
 * `/v1/advisories`: rules that hold every device they match. What an unknown fact leaves open counts as a
 * match, so the preview tells sure matches from those.
 */
import { Hono } from "hono";
import { z } from "zod";
import type { HoldLevel, Level } from "../../protocol/level.js";
import { matches } from "../../protocol/predicate.js";
import { parsePredicate, printPredicate } from "../../protocol/predicate-text.js";
import type { Version } from "../../protocol/version.js";
import { factsOf } from "../advisories.js";
import type { FleetService } from "../service.js";
import type { DeviceView } from "../view.js";
import { fileAct } from "./acts.js";
import type { ApiEnv } from "./auth.js";
import { decimal, once, readJson, readQuery } from "./input.js";
import { pageOf, pageQuery } from "./page.js";
import { Problem } from "./problem.js";

interface AdvisoryResource {
  readonly id: number;
  /** See docs/protocol.md for the language. */
  readonly match: string;
  readonly level: HoldLevel;
  readonly reason: string;
  /** How many devices the fleet holds for it. A match stays one until the advisory is removed. */
  readonly devices: number;
}

export interface AdvisoryList {
  /** Those that count, by id. */
  readonly advisories: readonly AdvisoryResource[];
  /** Newest versions of list and removal, as [term, n]; absent before the first. */
  readonly list?: Version;
  readonly removal?: Version;
}

/** What an advisory would be about, as things stand now. Devices that are revoked are left out. */
export interface AdvisoryPreview {
  /** The rule as it would be signed. */
  readonly match: string;
  /** All facts that it asks for are known, and fit. */
  readonly sure: number;
  /** A fact is not known, which counts as a match. */
  readonly unknown: number;
  readonly of: number;
  readonly devices: readonly MatchedDevice[];
  /** `after` of the next page. */
  readonly next?: number;
}

interface MatchedDevice {
  readonly number: number;
  readonly model: string;
  /** As it is now. */
  readonly level: Level;
  readonly match: "sure" | "unknown";
}

const AddBody = z.strictObject({
  match: z.string(),
  level: z.enum(["observe", "restrict", "isolate"]),
  reason: z.string(),
});
const RemoveBody = z.strictObject({ reason: z.string() });
const Id = decimal(10);
const PreviewQuery = z.strictObject({ match: once(z.string()), ...pageQuery });

export function advisoryRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/", (c) => {
      readQuery(c, z.strictObject({}));
      return c.json(listOf(service));
    })
    .get("/preview", (c) => {
      const { match, ...page } = readQuery(c, PreviewQuery);
      if (match === undefined) throw new Problem("bad-request", "match: say which devices are meant");
      return c.json(previewOf(service, match, page));
    })
    .post("/", async (c) => {
      const body = await readJson(c, AddBody);
      return c.json(await fileAct(service, { kind: "advise", numbers: [], ...body }, c.get("actor")), 201);
    })
    .post("/:id/removal", async (c) => {
      const body = await readJson(c, RemoveBody);
      const id = Id.safeParse(c.req.param("id"));
      if (!id.success) throw new Problem("not-found", "an advisory has a number: GET /v1/advisories");
      const act = { kind: "unadvise", numbers: [], id: id.data, ...body } as const;
      return c.json(await fileAct(service, act, c.get("actor")), 201);
    });
}

function listOf({ view }: FleetService): AdvisoryList {
  const { active, list, removal } = view.advisories;
  const held = new Map(active.map(({ id }) => [id, 0]));
  for (const { latched } of view.devices.values())
    for (const id of latched) held.set(id, (held.get(id) ?? 0) + 1);
  const advisories = active.map(({ id, match, level, reason }): AdvisoryResource => {
    return { id, match, level, reason, devices: held.get(id) ?? 0 };
  });
  return { advisories, ...(list && { list: list.version }), ...(removal && { removal: removal.version }) };
}

/** @throws ProtocolError that says at which character the rule is wrong. */
function previewOf(
  { view }: FleetService,
  text: string,
  query: Parameters<typeof pageOf>[1],
): AdvisoryPreview {
  const predicate = parsePredicate(text);
  const found = new Map<number, MatchedDevice>();
  const count = { sure: 0, unknown: 0 };
  for (const device of view.devices.values()) {
    const answer = device.level === "revoked" ? "no" : matches(predicate, factsOf(device));
    if (answer === "no") continue;
    const match = answer === "yes" ? "sure" : "unknown";
    count[match]++;
    found.set(device.number, matched(device, match));
  }
  const { page, ...more } = pageOf(found.keys(), query);
  const devices = page.flatMap((number) => found.get(number) ?? []);
  return { match: printPredicate(predicate), ...count, of: view.devices.size, devices, ...more };
}

function matched({ number, model, level }: DeviceView, match: MatchedDevice["match"]): MatchedDevice {
  return { number, model, level, match };
}
