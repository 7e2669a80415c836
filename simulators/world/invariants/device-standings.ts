/**
 * What must hold a device, from what its own disk has said over time: each hold until a release that the fleet
 * has issued, and a lease of the fleet that names it, are stored beside each other; each alarm until such a
 * release names it. A wipe that the release asks for takes the lease away in the same save: then it must have come.
 * Advisories and freshness come on top; here is the least.
 */
import { Directive } from "../../../protocol/directive.js";
import { Lease } from "../../../protocol/lease.js";
import type { Level } from "../../../protocol/level.js";
import { Release } from "../../../protocol/release.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { DeviceNode } from "../device-node.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import { type FileBytes, type Found, said, type State, type StoredRecord } from "./disk-files.js";
import { highest } from "./standings.js";

interface Hold {
  readonly version: Version;
  readonly level: Level;
}

interface Standing {
  /** Fleet and number that its documents are about. */
  subject: string;
  holds: readonly Hold[];
  /** What the release in force has left. */
  left: Level;
  alarms: StoredRecord["alarms"];
}

/** A release came into force: told before anything is lifted. */
export interface Freeing {
  readonly node: DeviceNode;
  readonly record: StoredRecord;
  readonly release: Release;
  /** Undefined: there is none beside it. */
  readonly lease: Lease | undefined;
  /** The state before, when the wipe that the release asks for has taken the lease away in the same save. */
  readonly wiped: StoredRecord | undefined;
}

const ALARM_LEVELS: Readonly<Record<string, Level>> = { unreadable: "restrict" };

export class DeviceStandings implements DiskFollower {
  readonly #standings = new WeakMap<DeviceNode, Standing>();
  readonly #onFreed: (freeing: Freeing) => void;
  readonly #onAlarmGone: (node: DeviceNode, id: number) => void;

  /** @param onAlarmGone - no release in force names it. */
  constructor(
    disks: DeviceDisks,
    onFreed: (freeing: Freeing) => void,
    onAlarmGone: (node: DeviceNode, id: number) => void,
  ) {
    disks.follow(this);
    this.#onFreed = onFreed;
    this.#onAlarmGone = onAlarmGone;
  }

  leastOf(node: DeviceNode): Level {
    const { holds = [], left = "none", alarms = [] } = this.#standings.get(node) ?? {};
    return highest([left, ...holds.map(({ level }) => level), ...alarms.map(({ kind }) => alarmLevel(kind))]);
  }

  saved(node: DeviceNode, { record }: State, before: State | undefined): void {
    const standing = this.#standings.get(node);
    if (!standing || standing.subject !== subjectOf(record)) return this.#begins(node, record);
    const was = before?.record;
    const release = fresh(Release, record.freed, was?.freed);
    if (release) {
      const lease = record.lease && said(Lease, record.lease);
      const wiped = was && !lease && hasWiped(record, was, release) ? was : undefined;
      this.#onFreed({ node, record, release, lease, wiped });
      standing.holds = standing.holds.filter((hold) => compareVersions(hold.version, release.version) > 0);
      standing.left = release.level;
    }
    const cleared = release?.clearedAlarms ?? [];
    const kept = new Set(record.alarms.map(({ id }) => id));
    for (const { id } of standing.alarms)
      if (!kept.has(id) && !cleared.includes(id)) this.#onAlarmGone(node, id);
    standing.alarms = record.alarms;
    const lifted = record.freed ? said(Release, record.freed).version : ([0, 0] as const);
    for (const document of [
      fresh(Directive, record.directive, was?.directive),
      fresh(Release, record.release, was?.release),
    ])
      if (document && compareVersions(document.version, lifted) > 0)
        standing.holds = [...standing.holds.filter((hold) => !covers(document, hold)), document];
  }

  /** What it finds there counts; what its own alarm says of it, comes with its next save. */
  changed(node: DeviceNode, { state }: Found): void {
    if (state) this.#begins(node, state.record);
    else this.#standings.delete(node);
  }

  #begins(node: DeviceNode, record: StoredRecord): void {
    const left = record.freed ? said(Release, record.freed).level : "none";
    const { holds, alarms } = record;
    this.#standings.set(node, { subject: subjectOf(record), holds, left, alarms });
  }
}

/** True when this save marks a wipe as done that the release asks for. */
function hasWiped({ done }: StoredRecord, was: StoredRecord, release: Release): boolean {
  const times = done?.wipe ?? 0;
  return times > (was.done?.wipe ?? 0) && times === release.wipe;
}

/** What a record says now and did not before. */
function fresh<T>(
  message: Parameters<typeof said<T>>[0],
  now: FileBytes | undefined,
  before: FileBytes | undefined,
): T | undefined {
  return now && now.$bytes !== before?.$bytes ? said(message, now) : undefined;
}

/** What a record itself says that it adds up to, with the advisories that have matched. */
export function claimedLevel({ holds, freed, latched = [], alarms }: StoredRecord): Level {
  const left = freed ? said(Release, freed).level : "none";
  const held = [...holds, ...latched].map(({ level }) => level);
  return highest([left, ...held, ...alarms.map(({ kind }) => alarmLevel(kind))]);
}

/** Nothing that `b` says is missing from `a`. */
function covers(a: Hold, b: Hold): boolean {
  return compareVersions(a.version, b.version) >= 0 && highest([a.level, b.level]) === a.level;
}

function alarmLevel(kind: string): Level {
  return ALARM_LEVELS[kind] ?? "isolate";
}

function subjectOf({ fleetId, number }: StoredRecord): string {
  return `${fleetId.$bytes}/${number}`;
}
