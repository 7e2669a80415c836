/**
 * `/v1/audit`: evidence for whoever trusts the public key alone. The export is read, hashed and signed as it is sent,
 * so it needs no more memory for a long log than for a short one.
 */
import { Hono } from "hono";
import { utf8 } from "../../protocol/bytes.js";
import { chainHash, draft, sealRecord } from "../adapters/record-chain.js";
import { signCheckpoint } from "../audit/checkpoint.js";
import type { CheckpointKeeper } from "../audit/checkpoints.js";
import { checkpointLine, headerLine, recordLine } from "../audit/export-lines.js";
import { noteKeyText, type NoteSigner } from "../audit/note.js";
import { Trail } from "../audit/trail.js";
import { FleetError } from "../errors.js";
import type { FleetService } from "../service.js";
import type { ApiEnv } from "./auth.js";
import { Problem } from "./problem.js";

export interface Auditing {
  readonly signer: NoteSigner;
  readonly keeper: CheckpointKeeper;
}

/** `GET /v1/audit/key` */
export interface AuditKey {
  /** As a verifier takes it: `<name>+<key id>+<base64>`. */
  readonly key: string;
}

/** `GET /v1/audit/checkpoint` */
export interface NewestCheckpoint {
  /** Signed note. */
  readonly checkpoint: string;
}

/** Exports at one time. */
const MAX_EXPORTS = 4;
/** When one that was refused for that may be tried again. */
const RETRY_SECONDS = 30;
/** What is sent at once, at least, but for the end. */
const CHUNK_BYTES = 64 * 1024;

export function auditRoutes(service: FleetService, { signer, keeper }: Auditing): Hono<ApiEnv> {
  let open = 0;
  const key = noteKeyText({ name: signer.name, publicKey: signer.key.publicKey }, service.options.crypto);
  return new Hono<ApiEnv>()
    .get("/key", (c) => c.json<AuditKey>({ key }))
    .get("/checkpoint", (c) => {
      const { newest } = keeper;
      if (newest === undefined)
        throw new Problem("not-found", "no checkpoint was signed yet: the first one comes within the hour");
      return c.json<NewestCheckpoint>({ checkpoint: newest });
    })
    .get("/export", (c) => {
      if (service.stopped) throw service.stopped; // here it can still be answered
      if (open >= MAX_EXPORTS)
        throw new Problem("overloaded", `at most ${MAX_EXPORTS} exports at a time`, RETRY_SECONDS);
      open++;
      const chunks = streamOf(chunksOf(exportLines(service, signer, key)), () => open--);
      return c.body(chunks, 200, { "Content-Type": "application/x-ndjson" });
    });
}

/** @throws FleetError "storage-failed" when the log is not as it was signed or written, "fenced" while nobody signs. */
async function* exportLines(
  service: FleetService,
  signer: NoteSigner,
  key: string,
): AsyncGenerator<string, void> {
  const { log, crypto } = service.options;
  const trail = new Trail(crypto);
  let before: string | undefined;
  yield headerLine(key);
  for await (const record of log.read(0)) {
    const { position, subject, events, hash } = record;
    trail.take(record);
    // The log hands out events, not what it stores; JSON that was written from them once is written so again.
    const sealed = sealRecord(position, draft(subject, events), chainHash(before));
    if (chainHash(sealed) !== hash)
      throw new FleetError(
        "storage-failed",
        `event log: record ${position} cannot be written as it was stored`,
      );
    yield recordLine(hash, sealed.slice(hash.length + 1));
    before = sealed;
  }
  if (service.stopped) throw service.stopped; // a log that has lost its end would be signed as whole
  yield checkpointLine(signCheckpoint(trail.tree, signer, crypto));
}

async function* chunksOf(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let text = "";
  for await (const line of lines) {
    text += `${line}\n`;
    if (text.length < CHUNK_BYTES) continue;
    yield new Uint8Array(utf8(text));
    text = "";
  }
  yield new Uint8Array(utf8(text));
}

/** @param onEnd - called once, when it was read to its end, failed, or was given up. */
function streamOf(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void>,
  onEnd: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isOpen = true;
  const end = () => {
    if (isOpen) onEnd();
    isOpen = false;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (!done) return controller.enqueue(value);
        controller.close();
        end();
      } catch (error) {
        end();
        throw error;
      }
    },
    async cancel() {
      end();
      await chunks.return();
    },
  });
}
