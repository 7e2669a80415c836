/** `/v1/devices`: what the fleet wants of each device, and what the device has confirmed. */
import { Hono } from "hono";
import { z } from "zod";
import type { FreshnessRules } from "../../protocol/authority.js";
import { type Level, LEVELS } from "../../protocol/level.js";
import { compareVersions, type Version } from "../../protocol/version.js";
import type { FleetService } from "../service.js";
import { type DeviceView, directiveVersion, releaseVersion } from "../view.js";
import type { ApiEnv } from "./auth.js";
import { decimal, readQuery } from "./input.js";
import { fleetIdIn, hexOf, optionalTimestamp, type Timestamp, timestamp } from "./json.js";
import { pageOf, pageQuery } from "./page.js";
import { Problem } from "./problem.js";

/** Newest versions, as [term, n]; [0, 0] before the first. */
export interface DocumentVersions {
  readonly directive: Version;
  readonly release: Version;
}

/** Has the device signed that it holds all that was issued for it? Silence is "not-yet", never "no". */
export type Knows = "confirmed" | "not-yet";

export interface DeviceResource {
  readonly number: number;
  /** Hex. */
  readonly hardwareId: string;
  readonly model: string;
  readonly importedAt: Timestamp;
  /** What the fleet decided. */
  readonly level: Level;
  readonly knows: Knows;
  readonly wanted: DocumentVersions;
  /** From the newest vector that the device signed; `level`: the one it was in then. */
  readonly confirmed?: DocumentVersions & { readonly level: Level };
  readonly lastContactAt?: Timestamp;
  /** End of its newest LDevID. */
  readonly ldevidUntil?: Timestamp;
  readonly alarms: readonly { readonly id: number; readonly kind: string; readonly at: Timestamp }[];
  /** Two seem to hold its keys: it gets no lease and no LDevID until somebody vouches for it. */
  readonly suspectedSince?: Timestamp;
  /** It wants to come back: asks for that, or may. */
  readonly comingBack?: NonNullable<DeviceView["comingBack"]>;
  /** Until when its ticket is good for a re-enrollment. */
  readonly ticketUntil?: Timestamp;
  /** A table of its own, by its newest release; absent: that of its model. */
  readonly freshness?: FreshnessRules;
  /** Id of the fleet that it was given to, hex: here it gets nothing any more. */
  readonly givenTo?: string;
}

export interface DeviceList {
  readonly devices: readonly DeviceResource[];
  /** `after` of the next page. */
  readonly next?: number;
}

const MAX_FILTERS = 8;
const ListQuery = z.strictObject({ ...pageQuery, filter: z.array(z.string()).max(MAX_FILTERS).optional() });
const Number32 = decimal(10);

export function deviceRoutes(service: FleetService): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  routes.get("/", (c) => {
    const query = readQuery(c, ListQuery);
    const { devices } = service.view;
    const matches = filterOf(query.filter ?? []);
    const numbers = [...devices.values()].filter(matches).map(({ number }) => number);
    const { page, ...more } = pageOf(numbers, query);
    const list: DeviceList = { devices: page.flatMap((number) => resourcesOf(devices.get(number))), ...more };
    return c.json(list);
  });
  routes.get("/:number", (c) => {
    const number = Number32.safeParse(c.req.param("number"));
    const [device] = resourcesOf(number.success ? service.view.devices.get(number.data) : undefined);
    if (!device)
      throw new Problem(
        "not-found",
        "there is no device of this number; list them: daymark device list, or GET /v1/devices",
      );
    return c.json(device);
  });
  return routes;
}

export function knowsOf(device: DeviceView): Knows {
  const { held } = device;
  if (!held) return "not-yet";
  const directive = compareVersions(held.directive, directiveVersion(device)) >= 0;
  const release = compareVersions(held.release, releaseVersion(device)) >= 0;
  return directive && release ? "confirmed" : "not-yet";
}

function resourcesOf(device: DeviceView | undefined): readonly DeviceResource[] {
  if (!device) return [];
  const { number, hardwareId, model, birth, level, held, certificates, lastContactAt, alarms } = device;
  const { transferred, suspectedAt, comingBack, ticket, release } = device;
  const resource: DeviceResource = {
    number,
    hardwareId: hexOf(hardwareId),
    model,
    importedAt: timestamp(birth.at),
    level,
    knows: knowsOf(device),
    wanted: { directive: directiveVersion(device), release: releaseVersion(device) },
    ...(held && { confirmed: { directive: held.directive, release: held.release, level: held.level } }),
    ...optionalTimestamp("lastContactAt", lastContactAt),
    ...optionalTimestamp("ldevidUntil", certificates.at(-1)?.notAfter),
    alarms: alarms.map(({ id, kind, at }) => ({ id, kind, at: timestamp(at) })),
    ...optionalTimestamp("suspectedSince", suspectedAt),
    ...(comingBack && { comingBack }),
    ...optionalTimestamp("ticketUntil", ticket?.expiresAt),
    ...(release?.freshness && { freshness: release.freshness }),
    ...(transferred && { givenTo: fleetIdIn(transferred.owner) }),
  };
  return [resource];
}

const FILTERS: Readonly<Record<string, (device: DeviceView) => string>> = {
  level: ({ level }) => level,
  model: ({ model }) => model,
  knows: knowsOf,
  suspected: ({ suspectedAt }) => (suspectedAt === undefined ? "no" : "yes"),
  return: ({ comingBack = "none" }) => comingBack,
};
const VALUES: Readonly<Record<string, readonly string[]>> = {
  level: Object.keys(LEVELS),
  knows: ["confirmed", "not-yet"] satisfies Knows[],
  suspected: ["yes", "no"],
  return: ["none", "asked", "approved"],
};

/** All of `filters` must hold. @param filters - such as "level:isolate". @throws Problem "bad-request". */
function filterOf(filters: readonly string[]): (device: DeviceView) => boolean {
  const tests = filters.map((filter) => {
    const [name = "", ...rest] = filter.split(":");
    const value = rest.join(":");
    const read = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
    if (!read || !(VALUES[name] ?? [value]).includes(value)) {
      const known = Object.keys(FILTERS).map((each) => `${each}:<${VALUES[each]?.join("|") ?? each}>`);
      throw new Problem("bad-request", `filter: one of ${known.join(", ")}`);
    }
    return (device: DeviceView) => read(device) === value;
  });
  return (device) => tests.every((holds) => holds(device));
}
