/**
 * Verifies an export with nothing but its lines and the public key, one line after the other, and names the first
 * record that is not what it was. Shares no state with a server, and no secret.
 */
import { equalBytes } from "../../protocol/bytes.js";
import type { Crypto } from "../../protocol/crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { fromBase64Url } from "../events.js";
import type { Position } from "../ports.js";
import { type Checkpoint, openCheckpoint, type OpenedCheckpoint } from "./checkpoint.js";
import {
  CHAIN_START,
  CheckpointEvent,
  headerLine,
  type Line,
  readCheckpointLine,
  readRecordLine,
  type SealedRecord,
} from "./export-lines.js";
import {
  changed,
  changedUnlike,
  cut,
  type Finding,
  inserted,
  missing,
  moved,
  repeated,
  rewritten,
} from "./finding.js";
import { rootOf } from "./merkle.js";
import { type NoteKey, noteKeyText } from "./note.js";
import { Trail } from "./trail.js";

export interface VerifyOptions {
  /** Keys of the log: the one of today, and those of before. */
  readonly keys: readonly NoteKey[];
  /** A checkpoint of the same log from another time, whose signature was verified. */
  readonly kept?: Checkpoint;
  readonly crypto: Crypto;
}

export interface Verdict {
  /** The first thing that does not hold; absent: everything does. */
  readonly finding?: Finding;
  /** Records that were read up to there, and the root over them, base64 as in checkpoints. */
  readonly records: number;
  readonly root: string;
  /** Checkpoints in the log that fit. */
  readonly checkpoints: number;
  /** Fleet time of the first event and of the last, Unix seconds. */
  readonly firstAt?: number;
  readonly lastAt?: number;
}

export class ExportVerifier {
  readonly #options: VerifyOptions;
  readonly #trail: Trail;
  #stage: "header" | "records" | "end" = "header";
  #finding: Finding | undefined;
  #previous = CHAIN_START;
  /** It does not fit the one before it: one of the two was changed. */
  #unlike: SealedRecord | undefined;
  /** Records up to here are covered by a checkpoint that fits. */
  #covered = 0;
  #checkpoints = 0;
  #firstAt: number | undefined;
  #lastAt: number | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#trail = new Trail(options.crypto);
  }

  get records(): number {
    return this.#trail.tree.size;
  }

  /** Of the newest of them, 64 hex digits: it stands for all. */
  get hash(): string {
    return this.#previous;
  }

  take({ bytes, isWhole }: Line): void {
    if (this.#finding) return this.#lookOn(this.#finding, bytes);
    if (!isWhole) this.#find(cut(this.records));
    else if (this.#stage === "header") this.#takeHeader(bytes);
    else if (this.#stage === "records") this.#takeRecord(bytes);
    else this.#find({ kind: "added", text: "something stands behind the checkpoint that ends the export" });
  }

  /** To be called after the last line. */
  end(): Verdict {
    if (this.#stage !== "end" && !this.#finding) this.#find(cut(this.records));
    return {
      ...(this.#finding && { finding: this.#finding }),
      records: this.records,
      root: Buffer.from(rootOf(this.#trail.tree, this.#options.crypto)).toString("base64"),
      checkpoints: this.#checkpoints,
      ...(this.#firstAt !== undefined && { firstAt: this.#firstAt }),
      ...(this.#lastAt !== undefined && { lastAt: this.#lastAt }),
    };
  }

  #takeHeader(bytes: Uint8Array): void {
    const { keys, crypto } = this.#options;
    const text = Buffer.from(bytes).toString("utf8");
    if (!keys.some((key) => text === headerLine(noteKeyText(key, crypto)))) {
      return this.#find({ kind: "header", text: "the first line is not that of an export with this key" });
    }
    this.#stage = "records";
    this.#compareKept();
  }

  #takeRecord(bytes: Uint8Array): void {
    const next = this.records + 1;
    const note = readCheckpointLine(bytes);
    if (note !== undefined) return this.#takeEnd(note);
    const record = readRecordLine(bytes, this.#options.crypto);
    if (!record) return this.#find(changed(next));
    const { position, previous, hash, events } = record;
    if (position > next) return this.#find(missing(next, position - 1));
    if (position < next) return this.#find(repeated(position, next - 1));
    if (previous !== this.#previous) return this.#findUnlike(record);
    for (const event of events) {
      if (event.type === "checkpoint-signed") this.#takeCheckpoint(event, position);
      this.#firstAt ??= event.at;
      this.#lastAt = event.at;
    }
    if (this.#finding) return;
    this.#trail.add(hash);
    this.#previous = hash;
    this.#compareKept();
  }

  /** A checkpoint in the log: whoever wrote the log anew could not sign it anew. */
  #takeCheckpoint(event: unknown, position: Position): void {
    const { data } = CheckpointEvent.safeParse(event);
    const opened = data && this.#opened(data.note, `in record ${position}`, position);
    if (!opened) return this.#find(data ? undefined : changed(position));
    const isSame = opened.size === data.size && equalBytes(opened.root, fromBase64Url(data.root));
    if (!isSame) {
      const text = `record ${position} says something else than the checkpoint in it`;
      return this.#find({ kind: "checkpoint", position, text });
    }
    const by = `the checkpoint in record ${position}`;
    if (opened.size >= position) return this.#findRewritten(Math.max(position - 1, 1), by); // of more than stood before it
    const judged = this.#trail.judge(opened);
    if (judged === "differs") this.#findRewritten(opened.size, by);
    if (judged !== "fits") return;
    this.#covered = Math.max(this.#covered, opened.size);
    this.#checkpoints++;
  }

  #takeEnd(note: string): void {
    this.#stage = "end";
    const opened = this.#opened(note, "at the end");
    if (!opened) return;
    const { size, signatures } = opened;
    const { records } = this;
    if (signatures > 1) this.#find({ kind: "added", text: "others have signed the checkpoint at the end" });
    if (size > records) this.#find(missing(records + 1, size));
    if (size < records) {
      const text = `${records - size} records were added behind record ${size}, where the signed checkpoint ends`;
      this.#find({ kind: "added", position: size + 1, to: records, text });
    }
    if (this.#trail.judge(opened) === "differs") this.#findRewritten(size, "the checkpoint at the end");
    const { kept } = this.#options;
    if (!kept || kept.size <= records) return;
    const text = `the checkpoint that was kept covers ${kept.size} records, and this export has ${records}`;
    this.#find({ kind: "older", position: records + 1, to: kept.size, text });
  }

  #compareKept(): void {
    const { kept } = this.#options;
    if (kept?.size !== this.records || this.#trail.judge(kept) === "fits") return;
    this.#findRewritten(kept.size, "the checkpoint that was kept");
  }

  #opened(note: string, where: string, position?: Position): OpenedCheckpoint | undefined {
    const { keys, crypto } = this.#options;
    try {
      return openCheckpoint(note, keys, crypto);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const isOther = error.code === "wrong-key";
      const how = isOther ? "is not signed by a key that was given" : `does not hold (${error.message})`;
      const about = position === undefined ? {} : { position };
      this.#find({
        kind: isOther ? "other-key" : "checkpoint",
        ...about,
        text: `the checkpoint ${where} ${how}`,
      });
      return undefined;
    }
  }

  /** The one before it, unless what follows tells otherwise. */
  #findUnlike(record: SealedRecord): void {
    this.#unlike = record;
    const { position } = record;
    this.#find(position === 1 ? changed(1) : changedUnlike(position - 1, position));
  }

  #findRewritten(to: Position, by: string): void {
    this.#find(rewritten(Math.min(this.#covered + 1, to), to, by));
  }

  /** The first finding counts. */
  #find(finding: Finding | undefined): void {
    this.#finding ??= finding;
  }

  /** What follows may tell more exactly what was found. */
  #lookOn({ kind, position, to = this.records }: Finding, line: Uint8Array): void {
    const record = readRecordLine(line, this.#options.crypto);
    if (!record || this.#stage === "header") return;
    const unlike = this.#unlike;
    if (unlike && record.position === unlike.position + 1 && record.previous !== unlike.hash)
      this.#finding = changedUnlike(unlike.position, unlike.position - 1);
    // The record that is expected, at last, and as it was written:
    if (record.position !== position || position !== this.records + 1) return;
    if (record.previous !== this.#previous) return;
    const instead = this.#stage === "end" ? "the checkpoint" : `record ${to + 1}`;
    if (kind === "missing") this.#finding = moved(position, instead);
    if (kind === "changed") this.#finding = inserted(position);
  }
}
