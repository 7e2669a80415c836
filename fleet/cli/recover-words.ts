/** What `daymark recover` says: what was found, what it will do, and what is left to people. */
import type { Finding, FindingKind } from "../audit/finding.js";
import { fenceWords } from "../fence.js";
import type { Found, Plan } from "../recovery/plan.js";
import { TERM_KINDS } from "../ceremony-next.js";
import { CliError, EXIT } from "./exit.js";
import { NOTHING } from "./output.js";
import type { Gone } from "./recover-place.js";

/**
 * Names and values, one a line.
 * @param aside - where what the log has of its own is kept.
 * @param gone - of a log whose stream is not there.
 */
export function planLines(
  found: Found,
  plan: Plan,
  aside: string,
  gone: Gone | undefined,
): Readonly<Record<string, string>> {
  const { fence, end, copy } = found;
  return {
    fence: fence ? fenceWords(fence) : NOTHING,
    log: gone ? goneWords(gone) : `${end} records`,
    copy: copy ? `${copy.end} records: ${copy.name}` : NOTHING,
    refill: refillWords(plan, found),
    ...(plan.aside > 0 && { aside: `${plan.aside} records of its own, kept in ${aside}` }),
    last: plan.lift === "refilled" ? "the fence is lifted" : NEW_TERMS,
  };
}

/** The same lines, where programs read them. */
export function jsonOf(lines: Readonly<Record<string, string>>): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(lines).map(([name, words]) => [name, words === NOTHING ? null : words]),
  );
}

/** @throws CliError "conflict" when the log of this fleet is in a stream of another name. @param first - hash of a record. */
export function assertGone({ stream, beside }: Gone, first: string | undefined): void {
  const own = beside.find((log) => log.first === first);
  if (!own) return;
  const text = `there is no stream ${stream}, but ${own.name} has the log of this fleet: say --stream ${own.name}`;
  throw new CliError(EXIT.conflict, text);
}

function goneWords({ stream, beside }: Gone): string {
  const others = beside.map(({ name }) => name).join(", ");
  const looked = `there is no stream ${stream}, so it is made anew; --stream names another`;
  return others === "" ? looked : `${looked} (logs of other fleets here: ${others})`;
}

/** Why an export is not taken for a copy, and what to do. */
export function noCopy(path: string, { kind, text }: Finding): CliError {
  const how = WHAT_INSTEAD[kind] ?? "keep the file for whoever looks into it, and use another copy";
  return new CliError(
    EXIT.notVerified,
    `nothing was changed: ${path} is no copy that can be trusted: ${text}; ${how}`,
  );
}

const BY_OWN_KEY =
  "only an export of this fleet is taken, signed with the key in keys/audit.pem of its folder; if the fleet had " +
  "another key when it was made, give that too: --audit-key";

const WHAT_INSTEAD: Partial<Record<FindingKind, string>> = {
  header: `${BY_OWN_KEY}; a backup has to be restored first, into a folder of its own: daymark backup restore`,
  "other-key": BY_OWN_KEY,
  truncated: "it did not arrive whole: bring it again, or use another copy",
};

const HAS_ALL =
  "nothing: every worker's copy is a beginning of the log, so nothing that was acknowledged is lost";
const NEW_TERMS = "the next Authority begins new terms of all, and the fence is lifted";

function refillWords({ refill, missing, lift }: Plan, { shared, hasAll }: Found): string {
  if (refill === "nothing") return hasAll && lift === "refilled" ? HAS_ALL : NOTHING;
  return `${missing} records after record ${shared}`;
}

/** For a fleet whose root keys are elsewhere: one command a line. @param data - as the command was told. */
export function ceremonyCommands(data: string | undefined): readonly string[] {
  const flag = data === undefined ? "" : ` --data '${data}'`;
  const terms = TERM_KINDS.map((kind) => `--term ${kind}`).join(" ");
  return [
    `daymark ca export${flag} --out chain.bundle`,
    `daymark ca rotate chain.bundle --out next.authority ${terms}`,
    "daymark ca sign next.authority --chain chain.bundle --key ROOT.pem",
    `daymark recover${flag} --new-terms --link next.authority --reason '...' --yes`,
  ];
}
