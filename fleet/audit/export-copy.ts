/**
 * An export as a copy of the log. It may have come through other hands, so it is one only where it verifies as an
 * auditor verifies it; and what is read of it later is what was verified, also where the file is another by then.
 */
import type { Crypto, PublicKey } from "../../protocol/crypto.js";
import type { FleetError } from "../errors.js";
import type { EventLog, LogRecord, Position } from "../ports.js";
import { linesOf, readHeaderName } from "./export-lines.js";
import { exportedRecords } from "./export-records.js";
import type { Finding } from "./finding.js";
import type { NoteKey } from "./note.js";
import { ExportVerifier } from "./verify.js";

/** Records that are read before the first of them is handed out; of so many one hash is remembered. */
const STRETCH_RECORDS = 256;

export interface LogKeys {
  /** Ed25519: public half of the fleet's audit key. */
  readonly own: PublicKey;
  /** Of keys that it had before. */
  readonly earlier: readonly NoteKey[];
}

/**
 * Reads all of it once, one line after the other.
 * @param open - the bytes of the export from the first on, as often as they are asked for.
 * @param other - what reading throws where it meets another record than the one that was verified.
 * @returns what does not hold; or the records, each handed out only when it is known to be one that was verified.
 */
export async function exportCopy(
  open: () => AsyncIterable<Uint8Array>,
  keys: LogKeys,
  other: (after: Position) => FleetError,
  crypto: Crypto,
): Promise<{ readonly finding: Finding } | Pick<EventLog, "read">> {
  /** The hash of a record stands for all before it. */
  const hashes = new Map<Position, string>();
  let verifier: ExportVerifier | undefined;
  for await (const line of linesOf(open())) {
    verifier ??= new ExportVerifier({ keys: named(keys, line.bytes), crypto });
    verifier.take(line);
    if (verifier.records % STRETCH_RECORDS === 0) hashes.set(verifier.records, verifier.hash);
  }
  verifier ??= new ExportVerifier({ keys: keys.earlier, crypto });
  const { finding, records } = verifier.end();
  if (finding) return { finding };
  hashes.set(records, verifier.hash);
  return {
    async *read(from) {
      let held: LogRecord[] = [];
      let last = from;
      for await (const record of exportedRecords(open(), from, other, crypto)) {
        held.push(record);
        const { position, hash } = record;
        if (position < records && position % STRETCH_RECORDS !== 0) continue;
        if (hashes.get(position) !== hash) throw other(last);
        yield* held;
        [held, last] = [[], position];
      }
      if (last < records) throw other(last);
    },
  };
}

/** Our own key under the name that the export gives its log: what it signed under another name does not count. */
function named({ own, earlier }: LogKeys, header: Uint8Array): readonly NoteKey[] {
  const name = readHeaderName(header);
  return name === undefined ? earlier : [{ name, publicKey: own }, ...earlier];
}
