/**
 * `/v1/exposure`: who has confirmed a document, who was told, and who cannot know yet and since when.
 * Without a subject, the newest of everything in numbers.
 */
import { Hono } from "hono";
import { z } from "zod";
import type { Level } from "../../protocol/level.js";
import { compareVersions, type Version } from "../../protocol/version.js";
import { exposure, type ExposureState, type ExposureSubject, MAX_EXPOSED_DEVICES } from "../exposure.js";
import type { FleetService } from "../service.js";
import { directiveVersion, type FleetView, releaseVersion } from "../view.js";
import type { ApiEnv } from "./auth.js";
import { decimal, once, readQuery } from "./input.js";
import { type Timestamp, timestamp } from "./json.js";
import { Problem } from "./problem.js";

/** `dark`: neither confirmed nor told, so that it cannot know. */
type ExposureCounts = Readonly<Record<ExposureState, number>>;

/** `GET /v1/exposure?<subject>`, and of a device one for each of its documents. */
export interface ExposureReport {
  readonly kind: ExposureSubject["kind"];
  /** As [term, n]; of an Authority its version alone. */
  readonly version: Version | number;
  readonly counts: ExposureCounts;
  /** Dark ones first, then told, then confirmed; of each the latest first. */
  readonly devices: readonly ExposedResource[];
  /** `after` of the next page. */
  readonly next?: number;
}

interface ExposedResource {
  readonly number: number;
  /** What the fleet has decided for it. */
  readonly level: Level;
  readonly state: ExposureState;
  /** Confirmed or told: since when, at the latest. Dark: its last contact, or its import. */
  readonly since: Timestamp;
}

/** `GET /v1/exposure?device=<number>` */
export interface DeviceExposure {
  readonly number: number;
  readonly level: Level;
  /** Its newest directive and release. */
  readonly documents: readonly ExposureReport[];
  /** Of all other devices, how many hold a ledger that denies this one. */
  readonly peers: { readonly denying: number; readonly of: number };
}

/** `GET /v1/exposure` */
export interface ExposureSummary {
  readonly documents: readonly Pick<ExposureReport, "kind" | "version" | "counts">[];
}

const States = z.enum(["confirmed", "told", "dark"] satisfies ExposureState[]);
const VersionText = z
  .string()
  .regex(/^\d{1,15}\.\d{1,15}$/, "a version looks like 1.7: term and number")
  .transform((text) => text.split(".").map(Number) as unknown as Version);
const DEFAULT_LIMIT = 100;

const Query = z
  .strictObject({
    device: once(decimal(10)),
    advisory: once(decimal(10)),
    advisories: once(VersionText),
    removals: once(VersionText),
    epoch: once(decimal(15)),
    authority: once(decimal(15)),
    state: once(States),
    after: once(decimal(10)),
    limit: once(
      decimal(4).refine(
        (limit) => limit >= 1 && limit <= MAX_EXPOSED_DEVICES,
        `limit is 1 to ${MAX_EXPOSED_DEVICES}`,
      ),
    ),
  })
  .refine(
    ({ state: _state, after: _after, limit: _limit, ...subjects }) =>
      Object.values(subjects).filter((subject) => subject !== undefined).length <= 1,
    "name one of device, advisory, advisories, removals, epoch, authority",
  );
type Query = z.infer<typeof Query>;

export function exposureRoutes(service: FleetService): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/", async (c) => {
    const query = readQuery(c, Query);
    if (query.device !== undefined) return c.json(ofDevice(service.view, query.device));
    const subject = await subjectOf(service, query);
    return c.json(subject ? reportOf(service.view, subject, query) : summaryOf(service.view));
  });
}

/** @throws Problem "not-found" for a document that was never issued. */
async function subjectOf(service: FleetService, query: Query): Promise<ExposureSubject | undefined> {
  const { view } = service;
  const { advisory, advisories, removals, epoch, authority } = query;
  const { list, removal } = view.advisories;
  if (advisory !== undefined) return broughtBy(service, advisory);
  if (advisories) return issued("advisories", advisories, list?.version);
  if (removals) return issued("removals", removals, removal?.version);
  if (epoch !== undefined) return ofEpoch(view, epoch);
  if (authority === undefined) return undefined;
  if (!view.authorities.has(authority)) throw unknown(`Authority version ${authority}`);
  return { kind: "authority", version: authority };
}

function issued(
  kind: "advisories" | "removals",
  version: Version,
  newest: Version | undefined,
): ExposureSubject {
  if (newest && compareVersions(version, newest) <= 0) return { kind, version };
  throw unknown(`${kind} ${version.join(".")}`);
}

/** An epoch is one of the newest Beacon's term: who holds the ledger of an earlier term holds less than that. */
function ofEpoch({ beacon, epoch: newest }: FleetView, epoch: number): ExposureSubject {
  if (!beacon || epoch > newest) throw unknown(`epoch ${epoch}`);
  return { kind: "ledger", version: [beacon.version[0], epoch] };
}

/**
 * The list that brought an advisory, or the removal that ended it, in the newest term of each. Only the log
 * knows: a list says what counts, and not since when.
 */
async function broughtBy({ view, options }: FleetService, id: number): Promise<ExposureSubject> {
  const { list, removal } = view.advisories;
  const ended = removal?.ids.includes(id) ?? false;
  const term = (ended ? removal : list)?.version[0];
  for await (const { events } of options.log.read(0))
    for (const event of events) {
      if (ended && event.type === "advisories-removed" && event.ids.includes(id) && event.version[0] === term)
        return { kind: "removals", version: event.version };
      const lists = event.type === "advisories-issued" && event.entries.some((entry) => entry.id === id);
      if (!ended && lists && event.version[0] === term) return { kind: "advisories", version: event.version };
    }
  throw unknown(`advisory ${id}`);
}

function reportOf(view: FleetView, subject: ExposureSubject, query: Query): ExposureReport {
  const { state, after, limit = DEFAULT_LIMIT } = query;
  const page = { limit, ...(state && { state }), ...(after !== undefined && { after }) };
  const { counts, devices, next } = exposure(view, subject, page);
  return {
    kind: subject.kind,
    version: subject.version,
    counts,
    devices: devices.map(({ since, ...device }) => {
      const { level } = view.devices.get(device.number)!;
      return { ...device, level, since: timestamp(since) };
    }),
    ...(next !== undefined && { next }),
  };
}

function ofDevice(view: FleetView, number: number): DeviceExposure {
  const device = view.devices.get(number);
  if (!device) throw new Problem("not-found", `there is no device ${number}`);
  const subjects: readonly ExposureSubject[] = [
    { kind: "directive", number, version: directiveVersion(device) },
    { kind: "release", number, version: releaseVersion(device) },
  ];
  const one = { limit: 1 };
  const known = subjects.filter(({ version }) => typeof version === "number" || version[1] > 0);
  const documents = known.map((subject) => reportOf(view, subject, one));
  const { peers } = exposure(view, subjects[0]!, one);
  return { number, level: device.level, documents, peers: peers! };
}

function summaryOf(view: FleetView): ExposureSummary {
  const { list, removal } = view.advisories;
  const newest: readonly ExposureSubject[] = [
    { kind: "authority", version: Math.max(...view.authorities.keys()) },
    ...(view.beacon ? [{ kind: "ledger", version: view.beacon.version } as const] : []),
    ...(list ? [{ kind: "advisories", version: list.version } as const] : []),
    ...(removal ? [{ kind: "removals", version: removal.version } as const] : []),
  ];
  return {
    documents: newest.map((subject) => {
      const { kind, version, counts } = reportOf(view, subject, { limit: 1 });
      return { kind, version, counts };
    }),
  };
}

function unknown(what: string): Problem {
  return new Problem("not-found", `there is no ${what}; see what there is: GET /v1/exposure`);
}
