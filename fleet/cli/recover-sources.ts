/** Where copies of a log are found: folders of servers and workers, and audit exports. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { readWorkerId } from "../adapters/worker-file.js";
import { CHAIN_START, linesOf, readRecordLine } from "../audit/export-lines.js";
import { FleetError } from "../errors.js";
import type { FleetEvent } from "../events.js";
import type { LogRecord, Position } from "../ports.js";
import type { NamedHistory } from "../recovery/histories.js";
import { CliError, EXIT } from "./exit.js";

export interface Source extends NamedHistory {
  /** Of the worker whose copy it is, where that is known. */
  readonly worker?: string;
  close(): Promise<void>;
}

const DATABASE = "data.mdb";

/**
 * @param path - of a data folder, the fleet's folder in it, its log; or of an audit export.
 * @throws CliError "not found"
 */
export async function openSource(path: string): Promise<Source> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return { name: path, history: exported(path), close: () => Promise.resolve() };
  for (const folder of [path, join(path, "log"), join(path, "fleet", "log")]) {
    if (!(await stat(join(folder, DATABASE)).catch(() => undefined))) continue;
    const { LmdbEventLog } = await import("../adapters/lmdb-event-log.js");
    const history = LmdbEventLog.open(folder);
    const worker = await readWorkerId(dirname(folder));
    return { name: path, history, close: () => history.close(), ...(worker !== undefined && { worker }) };
  }
  throw new CliError(EXIT.notFound, `${path} is no data folder, no log, and no audit export`);
}

/**
 * Each worker may have acknowledged what no other copy has.
 * @param workers - names by id.
 * @throws CliError "conflict" naming those whose copy is missing.
 */
export function assertAllCopies(
  sources: readonly Source[],
  workers: ReadonlyMap<string, string>,
  without: readonly string[],
): void {
  const given = [...without, ...sources.map(({ worker }) => worker)];
  const missing = [...workers].filter(([id]) => !given.includes(id));
  if (missing.length === 0) return;
  const names = missing.map(([id, name]) => `${id} (${name})`).join(", ");
  throw new CliError(
    EXIT.conflict,
    `the copies of these workers are missing: ${names}. Bring them with --from, or say --without ID for one that is lost`,
  );
}

/** The records of an audit export. Whoever signed it is not looked at: each record has to follow the one before. */
function exported(path: string): NamedHistory["history"] {
  return {
    async *read(from: Position): AsyncGenerator<LogRecord, void> {
      let [last, previous] = [0, CHAIN_START];
      for await (const { bytes } of linesOf(createReadStream(path))) {
        const record = readRecordLine(bytes, nodeCrypto);
        if (!record) continue; // header and checkpoint
        if (record.position !== last + 1 || record.previous !== previous)
          throw new FleetError("storage-failed", `${path} is damaged after record ${last}: use another copy`);
        const { position, subject, hash } = record;
        [last, previous] = [position, hash];
        if (position > from) yield { position, subject, hash, events: eventsIn(bytes) };
      }
    },
  };
}

/** In the order of their members as they were written, which the hash is over. */
function eventsIn(line: Uint8Array): readonly FleetEvent[] {
  const { record } = JSON.parse(Buffer.from(line).toString("utf8")) as {
    readonly record: Pick<LogRecord, "events">;
  };
  return record.events;
}
