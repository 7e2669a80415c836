/** What a check of an installation finds: the judgements alone, from what was measured. */
import type { AuthorityDates } from "./readiness.js";

/** `fail`: it does not work so; `warn`: it will not for long, or not safely. */
export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do about it; absent where nothing is to be done. */
  readonly todo?: string;
}

const MIB = 1024 * 1024;
/** The log needs room for the next records, and LMDB for the pages that it writes anew. */
const LEAST_FREE_BYTES = 64 * MIB;
const SPARE_FREE_BYTES = 1024 * MIB;
/** Clocks of one machine: a step of this size is no drift. */
const MAX_BEHIND_SECONDS = 300;
const DAY = 86_400;
/** Long enough to rotate a CA without haste. */
const WARN_CA_SECONDS = 60 * DAY;
/** A gateway holds up to 16,000 devices, each one descriptor; a small fleet gets by with fewer. */
const LEAST_FILES = 1_024;
const SPARE_FILES = 17_500;
/** Permission bits of everybody but the owner. */
const OTHERS = 0o077;

export function ok(check: string, found: string): Finding {
  return { check, state: "ok", found };
}

export function warn(check: string, found: string, todo: string): Finding {
  return { check, state: "warn", found, todo };
}

export function fail(check: string, found: string, todo: string): Finding {
  return { check, state: "fail", found, todo };
}

/** @param owner, self - user numbers. */
export function judgeFolder(path: string, mode: number, owner: number, self: number): Finding {
  if (owner !== self)
    return fail(
      "folder",
      `${path} belongs to user ${owner}, not ${self}`,
      `run as its owner, or: chown -R ${self}`,
    );
  if (mode & OTHERS)
    return fail("folder", `others can look into ${path}`, `make it yours alone: chmod 700 '${path}'`);
  return ok("folder", path);
}

export function judgeSpace(freeBytes: number): Finding {
  const found = `${Math.floor(freeBytes / MIB)} MiB free`;
  const todo = "make room, or move the folder to a larger disk: a full disk ends the server";
  if (freeBytes < LEAST_FREE_BYTES) return fail("space", found, todo);
  return freeBytes < SPARE_FREE_BYTES ? warn("space", found, todo) : ok("space", found);
}

/** @param newest - time of the newest event, and `now`: Unix seconds. */
export function judgeClock(newest: number, now: number): Finding {
  const behind = newest - now;
  if (behind <= 0) return ok("clock", "not before the newest event");
  const found = `${behind} s before the newest event`;
  if (behind <= MAX_BEHIND_SECONDS)
    return warn("clock", found, "synchronize the clock; fleet time waits for it");
  const todo =
    "set the clock; if the events are what is wrong, begin a new term: daymark ca rotate --term time";
  return fail("clock", found, todo);
}

/** A CA without an end has a date in the year 9999. */
const FAR_DAYS = 1_000_000;

/** One finding for each purpose: of its CAs the one that lasts longest counts. */
export function judgeAuthorities(authorities: readonly AuthorityDates[], now: number): readonly Finding[] {
  const purposes = [...new Set(authorities.map(({ purpose }) => purpose))];
  return purposes.map((purpose) => {
    const ends = authorities.filter((each) => each.purpose === purpose).map((each) => each.notAfterSeconds);
    const left = Math.max(...ends) - now;
    const todo = "put a new one in force: daymark ca rotate";
    if (left < 0) return fail(`ca ${purpose}`, "it has ended: what it issues nobody believes", todo);
    const days = Math.floor(left / DAY);
    const found = days > FAR_DAYS ? "for good" : `${days} days left`;
    return left < WARN_CA_SECONDS ? warn(`ca ${purpose}`, found, todo) : ok(`ca ${purpose}`, found);
  });
}

/** @param soft - limit of open files of this process; undefined where the system does not tell. */
export function judgeOpenFiles(soft: number | undefined): Finding {
  if (soft === undefined) return warn("files", "the limit of open files is not known", "look at ulimit -n");
  const found = `${soft} may be open`;
  const todo = `for ${SPARE_FILES} connections: ulimit -n 20000, or LimitNOFILE in the unit`;
  if (soft < LEAST_FILES) return fail("files", found, todo);
  return soft < SPARE_FILES ? warn("files", found, todo) : ok("files", found);
}

/** @param weaknesses - what can be lost with the stream's settings, in words. */
export function judgeStream(stream: string, weaknesses: readonly string[], accepted: boolean): Finding {
  if (weaknesses.length === 0) return ok("stream", stream);
  const found = `${stream} can lose what it acknowledged: ${weaknesses.join("; ")}`;
  const todo = "mend its settings: see docs/operations.md";
  return accepted ? warn("stream", found, todo) : fail("stream", found, todo);
}
