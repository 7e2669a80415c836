/** `daymark recover` for workers on NATS that are all stopped, as docs/operations.md has it for an operator. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { readWorkerId } from "../../fleet/adapters/worker-file.js";
import type { Program } from "../stories/device-process.js";
import type { Mended } from "./fleet-layout.js";

/** A stream is deleted, made and filled, maybe while a server is chosen to lead. */
const PATIENCE_MS = 120_000;
/** What it says when copies part, and when the log lacks nothing or has said things of its own. */
const PARTED = /are no copies of one log/;
const NEEDS_TERMS = /add --new-terms/;

/**
 * Asks for the least first: all copies, then without one that parts from the other; new terms only where they are
 * asked for.
 * @param folders - data folders of all workers.
 * @param holdsAll - whether the copy in the i-th of them has all that anybody was told.
 * @throws Error with what it said, where nothing mends the log; or when no copy has everything.
 */
export async function recoverFleet(
  program: Program,
  nats: readonly string[],
  folders: readonly string[],
  holdsAll: (i: number) => Promise<boolean>,
): Promise<Pick<Mended, "how" | "forgotten">> {
  const recover = (own: string, more: readonly string[]) =>
    run(program, ["recover", "--data", own, "--nats", nats.join(","), ...more]);
  const all = folders.map((_, i) => i);
  const [refused, terms] = await mendWith(recover, folders, all, []);
  if (refused === undefined) return { how: terms, forgotten: [] };
  if (!PARTED.test(refused)) throw new Error(`daymark recover: ${refused}`);
  for (const kept of all) {
    if (!(await holdsAll(kept))) continue;
    const forgotten = all.filter((i) => i !== kept);
    const ids = await Promise.all(forgotten.map((i) => readWorkerId(join(folders[i] ?? "", "fleet"))));
    const without = ids.flatMap((id) => (id === undefined ? [] : ["--without", id]));
    const [refusedAgain, termsAgain] = await mendWith(recover, folders, [kept], without);
    if (refusedAgain !== undefined) throw new Error(`daymark recover: ${refusedAgain}`);
    return { how: `${termsAgain}, without a copy that parts`, forgotten };
  }
  throw new Error(`no copy of the log has all that was told: ${refused}`);
}

/** @returns why it was refused, and what it took. */
async function mendWith(
  recover: (own: string, more: readonly string[]) => Promise<string | undefined>,
  folders: readonly string[],
  [own = 0, ...others]: readonly number[],
  also: readonly string[],
): Promise<readonly [refused: string | undefined, how: string]> {
  const more = [...others.flatMap((i) => ["--from", folders[i] ?? ""]), ...also];
  const refused = await recover(folders[own] ?? "", more);
  if (refused === undefined || !NEEDS_TERMS.test(refused)) return [refused, "refilled"];
  return [await recover(folders[own] ?? "", [...more, "--new-terms"]), "new terms"];
}

/** @returns what it said when it did not do it. */
async function run([command, ...args]: Program, more: readonly string[]): Promise<string | undefined> {
  const said = ["--accept-log-loss", "--reason", "the servers part", "--yes"];
  try {
    await promisify(execFile)(command, [...args, ...more, ...said], { timeout: PATIENCE_MS });
    return undefined;
  } catch (error) {
    const { code, stderr = "" } = error as { code?: number | string; stderr?: string };
    return `${code}: ${stderr.trim()}`;
  }
}
