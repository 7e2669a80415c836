/** An export as a copy of the log: what is read of it is what was verified, in whatever file it then is. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chainHash, draft, sealRecord } from "../../fleet/adapters/record-chain.js";
import { exportCopy } from "../../fleet/audit/export-copy.js";
import { recordLine } from "../../fleet/audit/export-lines.js";
import { FleetError } from "../../fleet/errors.js";
import type { EventLog, LogRecord } from "../../fleet/ports.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { testSigner } from "../x509/helpers.js";
import { AuditedFleet } from "./audit-log.js";
import { must, recordsOf } from "./fixtures.js";

/** Bytes that are read at a time. */
const PIECE = 4096;
/** Records whose hash is remembered together. */
const STRETCH = 256;

let audited: AuditedFleet;
let genuine: Buffer;
let records: readonly LogRecord[];
beforeAll(async () => {
  audited = await AuditedFleet.open();
  await audited.live(60);
  genuine = await audited.exported();
  records = await recordsOf(audited.fleet.log);
  if (records.length < STRETCH + 10) throw new Error("more than one stretch was to be exported");
});
afterAll(() => audited.close());

const keys = () => ({ own: audited.key.publicKey, earlier: [] });
const other = (after: number) => new FleetError("storage-failed", `another after ${after}`);

/** Gives one file after the other, the last one again and again. `pieces`: that were taken of it. */
class Given {
  pieces = 0;
  readonly #files: Buffer[];
  constructor(...files: Buffer[]) {
    this.#files = files;
  }
  readonly open = () => this.#piecesOf(must(this.#files.length > 1 ? this.#files.shift() : this.#files[0]));
  async *#piecesOf(file: Buffer) {
    this.pieces = 0;
    for (let at = 0; at < file.length; at += PIECE) {
      this.pieces++;
      yield file.subarray(at, at + PIECE);
    }
  }
}
async function copyOf(given: Given): Promise<Pick<EventLog, "read">> {
  const copy = await exportCopy(given.open, keys(), other, crypto);
  if ("finding" in copy) throw new Error(copy.finding.text);
  return copy;
}
/** What was handed out, and how it ended. */
async function readAll(copy: Pick<EventLog, "read">, from = 0) {
  const read: LogRecord[] = [];
  try {
    for await (const record of copy.read(from)) read.push(record);
  } catch (error) {
    return { read, error };
  }
  return { read, error: undefined };
}

test("it is the log, from any place, as often as it is read", async () => {
  const copy = await copyOf(new Given(genuine));
  for (const from of [0, 1, STRETCH - 1, STRETCH, STRETCH + 1, records.length - 1, records.length, 10_000])
    expect(await readAll(copy, from)).toEqual({ read: records.slice(from), error: undefined });
});

test("P11: no more of it is held than a stretch, however long it is", async () => {
  const given = new Given(genuine);
  const copy = await copyOf(given);
  const whole = given.pieces;
  for await (const { position } of copy.read(0)) {
    expect(position).toBe(1);
    expect(given.pieces).toBeLessThan(whole);
    break;
  }
});

test("one by another key is none", async () => {
  const own = testSigner("Ed25519", "other").publicKey;
  const copy = await exportCopy(new Given(genuine).open, { own, earlier: [] }, other, crypto);
  expect(copy).toMatchObject({ finding: { kind: "header" } });
  const both = await exportCopy(new Given(genuine).open, { own, earlier: [audited.key] }, other, crypto);
  expect(both).not.toHaveProperty("finding");
});

describe("where the file is another once it was verified", () => {
  /** Hashes anew from this record on, and the genuine checkpoint at the end. */
  function forgedFrom(position: number, more = 0): Buffer {
    const lines = genuine.toString().trimEnd().split("\n");
    let previous = position > 1 ? must(records[position - 2]).hash : chainHash(undefined);
    const last = must(records.at(-1));
    const added = Array.from({ length: more }, (_, i) => ({ ...last, position: last.position + 1 + i }));
    const forged = [...records.slice(position - 1), ...added].map(({ position: at, subject, events }) => {
      const changed = events.map((event) => ({ ...event, actor: "approver" }));
      const sealed = sealRecord(at, draft(subject, more > 0 ? events : changed), previous);
      previous = chainHash(sealed);
      return recordLine(previous, sealed.slice(previous.length + 1));
    });
    return Buffer.from(`${[...lines.slice(0, position), ...forged, must(lines.at(-1))].join("\n")}\n`);
  }
  const cutBehind = (count: number) =>
    Buffer.from(
      `${genuine
        .toString()
        .split("\n")
        .slice(0, 1 + count)
        .join("\n")}\n`,
    );

  test.each<[string, () => Buffer, () => number]>([
    ["from its first record on", () => forgedFrom(1), () => 0],
    ["from a record on", () => forgedFrom(STRETCH + 3), () => STRETCH],
    ["in its last record", () => forgedFrom(records.length), () => STRETCH],
    ["cut within a stretch", () => cutBehind(10), () => 0],
    ["cut behind a stretch", () => cutBehind(STRETCH), () => STRETCH],
    ["longer than it was", () => forgedFrom(records.length + 1, 2), () => records.length],
  ])("P13: %s, none of it is handed out", async (_, forged, handedOut) => {
    const { read, error } = await readAll(await copyOf(new Given(genuine, forged())));
    expect(read).toEqual(records.slice(0, handedOut()));
    expect(error).toMatchObject({ code: "storage-failed" });
  });
});
