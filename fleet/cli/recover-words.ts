/** What `daymark recover` says: what was found, what it will do, and what is left to people. */
import { fenceWords } from "../fence.js";
import type { Found, Plan } from "../recovery/plan.js";
import { TERM_KINDS } from "../ceremony-next.js";
import { NOTHING } from "./output.js";

/** Names and values, one a line. @param aside - where what the log has of its own is kept. */
export function planLines(found: Found, plan: Plan, aside: string): Readonly<Record<string, string>> {
  const { fence, end, copy } = found;
  return {
    fence: fence ? fenceWords(fence) : NOTHING,
    log: `${end} records`,
    copy: copy ? `${copy.end} records: ${copy.name}` : NOTHING,
    refill: refillWords(plan, found),
    ...(plan.aside > 0 && { aside: `${plan.aside} records of its own, kept in ${aside}` }),
    last: plan.lift === "refilled" ? "the fence is lifted" : NEW_TERMS,
  };
}

const NEW_TERMS = "the next Authority begins new terms of all, and the fence is lifted";

function refillWords({ refill, missing }: Plan, { shared }: Found): string {
  if (refill === "nothing") return NOTHING;
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
