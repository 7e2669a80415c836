/** A small fleet whose log is audited: real decisions, checkpoints among them, and what the API exports of it. */
import { Hono } from "hono";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { auditRoutes } from "../../fleet/api/audit.js";
import type { ApiEnv } from "../../fleet/api/auth.js";
import { problemResponse } from "../../fleet/api/problem.js";
import { originOf } from "../../fleet/audit/checkpoint.js";
import { CHECKPOINT_MS, CheckpointKeeper } from "../../fleet/audit/checkpoints.js";
import { linesOf } from "../../fleet/audit/export-lines.js";
import type { NoteKey, NoteSigner } from "../../fleet/audit/note.js";
import { ExportVerifier, type Verdict, type VerifyOptions } from "../../fleet/audit/verify.js";
import type { EventLog } from "../../fleet/ports.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { testSigner } from "../x509/helpers.js";
import { FOUNDED, must, SmallFleet } from "./fixtures.js";

export class AuditedFleet {
  readonly fleet: SmallFleet;
  readonly signer: NoteSigner;
  readonly key: NoteKey;
  readonly keeper: CheckpointKeeper;
  readonly api: Hono<ApiEnv>;
  /** What the keeper of the checkpoints found wrong. */
  readonly reported: unknown[] = [];
  readonly #clock = new JumpClock(FOUNDED * 1000 - systemClock.nowMs());
  #recorded: Promise<unknown> = Promise.resolve();
  #born = 0;

  /** @param log - of a fleet that was audited before; absent: a new fleet. */
  static async open(log: EventLog = new MemoryEventLog()): Promise<AuditedFleet> {
    const fleet = await SmallFleet.open({ log });
    return new AuditedFleet(fleet, await CheckpointKeeper.of(fleet.log, crypto));
  }

  private constructor(fleet: SmallFleet, keeper: CheckpointKeeper) {
    this.fleet = fleet;
    this.keeper = keeper;
    const key = testSigner("Ed25519", "audit");
    this.signer = { name: originOf(fleet.service.trust.fleetId), key };
    this.key = { name: this.signer.name, publicKey: key.publicKey };
    keeper.start({
      signer: this.signer,
      clock: this.#clock,
      record: (factFrom) => (this.#recorded = fleet.service.record("fleet", factFrom)),
      report: (error) => this.reported.push(error),
    });
    this.api = new Hono<ApiEnv>();
    this.api.onError((error, c) => problemResponse(error, c, () => undefined));
    this.api.route("/", auditRoutes(fleet.service, { signer: this.signer, keeper }));
  }

  /** Devices come, are held, freed, and say so; between them time passes, so that checkpoints are signed. */
  async live(devices: number): Promise<void> {
    for (let i = 0; i < devices; i++) {
      const device = await this.fleet.member(`hw-${++this.#born}`);
      await device.send(device.syncRequest());
      await device.send(device.receipt(1));
      await this.fleet.carryOut({
        kind: "hold",
        numbers: [device.number],
        level: "isolate",
        reason: `"${"\u2028ü€𐍈"}" \\ lost`, // what JSON writes in more than one way
      });
      if (i % 3 === 2) await this.checkpoint();
    }
  }

  /** The hour is over. @returns the note that was signed. */
  async checkpoint(): Promise<string> {
    this.#clock.advance(CHECKPOINT_MS);
    await this.#recorded;
    return must(this.keeper.newest);
  }

  async exported(): Promise<Buffer> {
    const answer = await this.api.request("/export");
    return Buffer.from(await answer.arrayBuffer());
  }

  async close(): Promise<void> {
    this.keeper.close();
    await this.fleet.service.close();
  }
}

/** @param pieces - the file is handed over in so many bytes at a time. */
export async function verdictOn(
  file: Uint8Array,
  options: Omit<VerifyOptions, "crypto">,
  pieces = file.length,
): Promise<Verdict> {
  const verifier = new ExportVerifier({ ...options, crypto });
  async function* chunks() {
    for (let at = 0; at < file.length; at += pieces) yield file.subarray(at, at + pieces);
  }
  for await (const line of linesOf(chunks())) verifier.take(line);
  return verifier.end();
}

/** The hash of a record, as docs/audit.md says that it is made. */
export function bodyHash(body: string): string {
  return toHex(crypto.sha256(Buffer.from(body)));
}
