/** The HTTP API of a fleet: every route, behind one check of who asks and one bound on what they send. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { toHex } from "../../protocol/bytes.js";
import { LEVELS, type Level } from "../../protocol/level.js";
import type { FleetService } from "../service.js";
import { accessRoutes } from "./access.js";
import { advisoryRoutes } from "./advisories.js";
import { type Auditing, auditRoutes } from "./audit.js";
import { type ApiEnv, authenticate, type Tokens } from "./auth.js";
import { authorityRoutes } from "./authority.js";
import { bundleRoutes } from "./bundles.js";
import { deviceRoutes } from "./devices.js";
import { eventRoutes } from "./events.js";
import { exposureRoutes } from "./exposure.js";
import { type Timestamp, timestamp } from "./json.js";
import { MAX_BUNDLE_BODY_BYTES, readOctets } from "./octets.js";
import { Problem, problemResponse } from "./problem.js";
import { quarantineRoutes } from "./quarantine.js";
import { type Take, transferRoutes } from "./transfer.js";

/** `GET /v1/fleet`. */
interface FleetResource {
  /** 32 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly authority: number;
  /** Of the ledger: how often the denied set has changed. */
  readonly epoch: number;
  /** Fleet time. */
  readonly now: Timestamp;
  readonly devices: Readonly<Record<Level, number>> & { readonly total: number };
}

export interface ApiOptions {
  /** Carries the link of a factory station: a request in, the answer out. */
  readonly station?: (body: Uint8Array) => Promise<Uint8Array>;
  /** Has the station draw up papers for a device that another owner gave. */
  readonly take?: Take;
  /** Signs checkpoints and exports of the log. */
  readonly audit?: Auditing;
  /** Told of failures that are ours; the client only learns that there was one. */
  readonly report?: (error: unknown) => void;
}

/** Largest body of a request; the event log takes no larger record either. */
export const MAX_BODY_BYTES = 1024 * 1024;

const OCTETS = "application/octet-stream";

export function createApi(
  service: FleetService,
  tokens: Tokens,
  { station, take, audit, report = () => undefined }: ApiOptions = {},
): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.onError((error, c) => problemResponse(error, c, report));
  app.notFound((c) => problemResponse(new Problem("not-found", "there is no such route"), c, report));
  app.get("/livez", (c) => c.text("ok\n"));
  app.use(async (c, next) => {
    // Node takes any Host; whoever makes a URL of it later would find a mistake of ours
    if (!URL.canParse(c.req.url)) throw new Problem("bad-request", "path and Host header make no URL");
    await next();
  });
  app.use(authenticate(tokens));
  app.use(async (c, next) => {
    // HEAD too: it would start a stream that nobody reads
    if (c.req.method !== "GET" && c.req.method !== "POST")
      throw new Problem("method-not-allowed", "use GET or POST");
    c.header("Cache-Control", "no-store");
    await next();
  });
  app.use("/v1/bundle", bodyBound(MAX_BUNDLE_BODY_BYTES));
  app.route("/v1/bundle", bundleRoutes(service)); // before the bound of all other bodies, which is lower
  app.use(bodyBound(MAX_BODY_BYTES));
  app.get("/v1/fleet", (c) => c.json(fleetResource(service)));
  app.route("/v1/devices", deviceRoutes(service));
  app.route("/v1/events", eventRoutes(service));
  app.route("/v1/quarantine", quarantineRoutes(service));
  app.route("/v1/access", accessRoutes(service));
  app.route("/v1/advisories", advisoryRoutes(service));
  app.route("/v1/exposure", exposureRoutes(service));
  app.route("/v1/authority", authorityRoutes(service));
  app.route("/v1/transfers", transferRoutes(service, take));
  if (audit) app.route("/v1/audit", auditRoutes(service, audit));
  if (station) {
    app.post("/v1/station", async (c) => {
      const answer = await station(await readOctets(c, OCTETS));
      return c.body(new Uint8Array(answer), 200, { "Content-Type": OCTETS });
    });
  }
  return app;
}

function bodyBound(maxSize: number) {
  const onError = (): never => {
    throw new Problem("too-large", `a body has at most ${maxSize} bytes; split the request`);
  };
  return bodyLimit({ maxSize, onError });
}

function fleetResource(service: FleetService): FleetResource {
  const { view, trust } = service;
  const levels = Object.keys(LEVELS) as Level[];
  const byLevel = Object.fromEntries(levels.map((level) => [level, 0])) as Record<Level, number>;
  for (const { level } of view.devices.values()) byLevel[level]++;
  return {
    id: toHex(trust.fleetId),
    name: view.name,
    authority: trust.authority.value.version,
    epoch: view.epoch,
    now: timestamp(service.now()),
    devices: { total: view.devices.size, ...byLevel },
  };
}
