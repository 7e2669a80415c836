/** What a backup is of, as its commands show it. */
import { toHex } from "../../protocol/bytes.js";
import { timestamp } from "../api/json.js";
import type { BackupSummary } from "../backup/judge.js";
import { BackupRefused } from "../backup/refused.js";
import type { CliContext } from "./connection.js";
import { CliError, EXIT } from "./exit.js";
import { printJson, printLine, printRecord } from "./output.js";

export function printBackup(
  { process: { stdout } }: CliContext,
  { fleetId, newestAt, ...rest }: BackupSummary,
  where: { readonly file: string; readonly folder?: string },
  json: boolean,
): void {
  const summary = { fleet: toHex(fleetId), ...rest, newest: timestamp(newestAt), ...where };
  if (json) return printJson(stdout, summary);
  const { name, fleet, records, newest, authority, devices, hash } = summary;
  const words = { fleet, name, records, "newest record": newest, "its hash": hash, authority, devices };
  const lines = Object.entries({ ...words, ...where }).map(([key, value]) => [key, String(value)]);
  printRecord(stdout, Object.fromEntries(lines));
}

/** Says on stderr how far a long work is. */
export function sayProgress({ process: { stderr } }: CliContext, what: string): (records: number) => void {
  return (records) => printLine(stderr, `${what}: ${records} records`);
}

/** A backup that does not hold is what `verify` looks for: it has an exit code of its own. */
export async function orNotVerified<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BackupRefused)) throw error;
    throw new CliError(EXIT.notVerified, error.message, { cause: error });
  }
}
