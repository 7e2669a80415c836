/** An export proves itself: whatever is done to it, or to the log before it was made, is found and named. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { draft, openRecord, sealRecord } from "../../fleet/adapters/record-chain.js";
import { openCheckpoint, signCheckpoint } from "../../fleet/audit/checkpoint.js";
import { checkpointLine, headerLine, recordLine } from "../../fleet/audit/export-lines.js";
import type { Finding } from "../../fleet/audit/finding.js";
import { noteKeyText, type NoteSigner } from "../../fleet/audit/note.js";
import { Trail } from "../../fleet/audit/trail.js";
import { type FleetEvent, toBase64Url } from "../../fleet/events.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { fromHex } from "../../protocol/bytes.js";
import { testSigner } from "../x509/helpers.js";
import { AuditedFleet, bodyHash, verdictOn } from "./audit-log.js";
import { must, recordsOf } from "./fixtures.js";

let audited: AuditedFleet;
let file: Buffer;
/** With their newlines: header, records 1 to `end`, checkpoint. */
let lines: Buffer[];
let end: number;
beforeAll(async () => {
  audited = await AuditedFleet.open();
  await audited.live(12);
  file = await audited.exported();
  lines = splitLines(file);
  end = lines.length - 2;
});
afterAll(() => audited.close());

const keys = () => ({ keys: [audited.key] });

test("an export that nobody touched verifies, however it arrives", async () => {
  const whole = await verdictOn(file, keys());
  expect(whole).toMatchObject({ records: end, checkpoints: 4 });
  expect(whole.finding).toBeUndefined();
  for (const pieces of [1, 7, 4096]) expect(await verdictOn(file, keys(), pieces)).toEqual(whole);
  expect([end > 60, audited.reported]).toEqual([true, []]);
});

test("every record is there as the log has it, and its hash is that of its line", async () => {
  const records = await recordsOf(audited.fleet.log);
  expect(records).toHaveLength(end);
  for (const { position, hash, events } of records) {
    const line = must(lines[position]).toString();
    const body = line.slice(84, -2);
    expect([JSON.parse(line).hash, bodyHash(body)]).toEqual([hash, hash]);
    expect(JSON.parse(body).events).toEqual(events);
  }
});

test("what a log hands out is written again as it was stored, whatever is in it", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }), { minLength: 1 }), (values) => {
      const events = values.map((value) => ({ type: "x", value })) as unknown as FleetEvent[];
      const stored = sealRecord(1, draft("fleet", events), "0".repeat(64));
      const read = openRecord(1, stored, "0".repeat(64));
      expect(sealRecord(1, draft(read.subject, read.events), "0".repeat(64))).toBe(stored);
    }),
    { seed: 7, numRuns: 500 },
  );
});

describe("1,000 random edits", () => {
  const EDITS = 1000;
  /** What may be found, by kind and by the record that is named; without position: none is. */
  type Wanted = Partial<Pick<Finding, "kind" | "position">>;
  type Edit = (random: Random) => { readonly edited: Buffer; readonly wanted: Wanted };

  /** What happens in line `at`: a record of this number, or one of the ends. */
  const inLine = (at: number, kind: Finding["kind"]): Wanted =>
    at === 0 ? { kind: "header" } : at <= end ? { kind, position: at } : {};

  const edits: Record<string, Edit> = {
    "a byte is another": (random) => {
      const at = random.below(file.length);
      const edited = Buffer.from(file);
      edited[at]! ^= 1 + random.below(255);
      return { edited, wanted: inLine(lineAt(at), "changed") };
    },
    "bytes stand within a line": (random) => {
      const at = random.below(file.length);
      const more = Buffer.from(Array.from({ length: 1 + random.below(20) }, () => 11 + random.below(245)));
      const edited = Buffer.concat([file.subarray(0, at), more, file.subarray(at)]);
      return { edited, wanted: inLine(lineAt(at), "changed") };
    },
    "a line is gone": (random) => {
      const at = random.below(lines.length);
      const wanted = at > end ? ({ kind: "truncated", position: end + 1 } as const) : inLine(at, "missing");
      return { edited: Buffer.concat(lines.toSpliced(at, 1)), wanted };
    },
    "a record stands twice": (random) => {
      const [from, to] = [1 + random.below(end), random.below(lines.length + 1)];
      const wanted: Wanted =
        to > end + 1
          ? { kind: "added" }
          : to > from
            ? { kind: "repeated", position: from }
            : to === from
              ? { kind: "repeated", position: from }
              : inLine(to, "moved");
      return { edited: Buffer.concat(lines.toSpliced(to, 0, must(lines[from]))), wanted };
    },
    "two lines have changed places": (random) => {
      const from = random.below(lines.length - 1);
      const to = from + 1 + random.below(lines.length - 1 - from);
      const edited = Buffer.concat(lines.with(from, must(lines[to])).with(to, must(lines[from])));
      return { edited, wanted: inLine(from, "moved") };
    },
    "a line has moved up": (random) => {
      const [from, to] = [2 + random.below(end - 1), 1 + random.below(end)].toSorted((a, b) => b - a) as [
        number,
        number,
      ];
      if (from === to) return edits["a line is gone"]!(random);
      const edited = Buffer.concat(lines.toSpliced(from, 1).toSpliced(to, 0, must(lines[from])));
      return { edited, wanted: { kind: "moved", position: to } };
    },
    "the end is cut off": (random) => {
      const size = random.below(file.length);
      return {
        edited: file.subarray(0, size),
        wanted: { kind: "truncated", position: Math.max(1, lineAt(size)) },
      };
    },
    "a line is added": (random) => {
      const at = random.below(lines.length + 1);
      const line = Buffer.from(`${["", "{}", "x".repeat(random.below(300))][random.below(3)]!}\n`);
      const wanted: Wanted = at > end + 1 ? { kind: "added" } : at > end ? {} : inLine(at, "added");
      return { edited: Buffer.concat(lines.toSpliced(at, 0, line)), wanted };
    },
  };

  test("each is found, and the record that it is about is named", async () => {
    const random = new Random(20270101);
    const names = Object.keys(edits);
    const counts = new Map<string, number>();
    for (let i = 0; i < EDITS; i++) {
      const name = must(names[i % names.length]);
      const { edited, wanted } = must(edits[name])(random);
      expect(edited.equals(file)).toBe(false);
      const { finding } = await verdictOn(edited, keys());
      expect({ i, name, ...finding }).toMatchObject({ i, name, ...wanted, text: expect.any(String) });
      const said = wanted.kind === "truncated" ? wanted.position! - 1 : wanted.position;
      expect(finding?.text).toContain(said === undefined ? "" : `record ${said}`);
      counts.set(finding!.kind, (counts.get(finding!.kind) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(
      expect.arrayContaining(["added", "changed", "header", "missing", "moved", "repeated", "truncated"]),
    );
  });

  function lineAt(offset: number): number {
    let at = 0;
    for (let from = 0; at < lines.length - 1 && from + lines[at]!.length <= offset; at++)
      from += lines[at]!.length;
    return at;
  }
});

describe("somebody who makes the hashes anew", () => {
  /** Position of the first record whose reason can be changed, behind a checkpoint. */
  const target = () => 1 + bodies().findIndex((body, i) => i > end / 2 && body.includes("lost"));
  const bodies = () => lines.slice(1, -1).map((line) => line.toString().slice(84, -2));
  const forged = (body: string) => body.replace("lost", "kept");

  test("of one record only: it is named", async () => {
    const body = forged(must(bodies()[target() - 1]));
    const line = Buffer.from(`${recordLine(bodyHash(body), body)}\n`);
    const { finding } = await verdictOn(Buffer.concat(lines.with(target(), line)), keys());
    expect(finding).toMatchObject({ kind: "changed", position: target() });
  });

  test("of one record and what it names before it: it is named", async () => {
    const body = must(bodies()[target() - 1]).replace(
      /"previous":"[0-9a-f]{64}"/,
      `"previous":"${"1".repeat(64)}"`,
    );
    const line = Buffer.from(`${recordLine(bodyHash(body), body)}\n`);
    const { finding } = await verdictOn(Buffer.concat(lines.with(target(), line)), keys());
    expect(finding).toMatchObject({ kind: "changed", position: target() });
  });

  test.each([
    ["from a record on", (all: string[], at: number) => all.with(at - 1, forged(all[at - 1]!))],
    ["without a record", (all: string[], at: number) => all.toSpliced(at - 1, 1)],
    ["with one record more", (all: string[], at: number) => all.toSpliced(at, 0, all[at - 1]!)],
  ])("%s: the checkpoints around it name where", async (_, change) => {
    const at = target();
    const { finding } = await verdictOn(rechained(change(bodies(), at), lines.at(-1)!), keys());
    expect(finding).toMatchObject({ kind: "rewritten" });
    expect(finding!.position).toBeLessThanOrEqual(at);
    expect(finding!.to).toBeGreaterThanOrEqual(at);
    expect([finding!.position! > 1, finding!.to! < end - 1]).toEqual([true, true]);
  });

  test("of the newest records: the checkpoint at the end does not cover them", async () => {
    const newest = bodies().with(-1, must(bodies().at(-1)).replace(/"at":\d+/, '"at":1'));
    const { finding } = await verdictOn(rechained(newest, lines.at(-1)!), keys());
    expect(finding).toMatchObject({ kind: "rewritten", to: end });
  });

  test("and signs with a key of their own: it is another key, under whatever name", async () => {
    const thief: NoteSigner = { name: audited.signer.name, key: testSigner("Ed25519", "thief") };
    const own = resigned(bodies().map(forged), thief);
    expect((await verdictOn(own, keys())).finding?.kind).toBe("header");
    const thiefs = splitLines(own);
    const disguised = Buffer.concat(thiefs.with(0, lines[0]!));
    expect((await verdictOn(disguised, keys())).finding).toMatchObject({
      kind: "other-key",
      position: 1 + bodies().findIndex((body) => body.includes("checkpoint-signed")),
    });
    expect(
      (await verdictOn(own, { keys: [{ name: thief.name, publicKey: thief.key.publicKey }] })).finding,
    ).toBeUndefined();
  });

  test("and has the key: only a checkpoint that was kept elsewhere finds it, and it does", async () => {
    const own = resigned(bodies().map(forged), audited.signer);
    expect((await verdictOn(own, keys())).finding).toBeUndefined();
    const kept = openCheckpoint(JSON.parse(lines.at(-1)!.toString()).checkpoint, [audited.key], crypto);
    expect((await verdictOn(own, { ...keys(), kept })).finding).toMatchObject({ kind: "rewritten", to: end });
  });
});

describe("somebody who writes the log anew, and leaves out its checkpoints", () => {
  /** With another operator in it: what the server finds at its next start. */
  async function rewritten(): Promise<MemoryEventLog> {
    const log = new MemoryEventLog();
    const ends = new Map<string, number>();
    for (const { subject, events } of await recordsOf(audited.fleet.log)) {
      if (events.some(({ type }) => type === "checkpoint-signed")) continue;
      const others = events.map((event) => (event.actor === "operator" ? { ...event, actor: "x" } : event));
      ends.set(subject, await log.append(subject, others, ends.get(subject) ?? 0));
    }
    return log;
  }

  test("has the server sign the new past: only a checkpoint that was kept elsewhere finds it", async () => {
    const server = await AuditedFleet.open(await rewritten());
    const [own, note] = [await server.exported(), await server.checkpoint()];
    await server.close();
    expect([own.includes('"actor":"x"'), own.includes('"actor":"operator"')]).toEqual([true, false]);
    expect([note === "", server.reported]).toEqual([false, []]);
    const { finding, checkpoints } = await verdictOn(own, keys());
    expect([finding, checkpoints]).toEqual([undefined, 0]); // the log had 4
    const events = (await recordsOf(audited.fleet.log)).flatMap((record) => record.events);
    const first = must(events.find((event) => event.type === "checkpoint-signed"));
    const kept = openCheckpoint(first.note, [audited.key], crypto);
    const found = await verdictOn(own, { ...keys(), kept });
    expect(found.finding).toMatchObject({ kind: "rewritten", to: kept.size });
  });
});

describe("a checkpoint that was kept", () => {
  test("fits every later export, and no earlier one", async () => {
    const later = await AuditedFleet.open();
    await later.live(3);
    const before = await later.exported();
    await later.live(1);
    const note = await later.checkpoint();
    const kept = openCheckpoint(note, [later.key], crypto);
    const options = { keys: [later.key], kept };
    expect((await verdictOn(await later.exported(), options)).finding).toBeUndefined();
    expect((await verdictOn(before, options)).finding).toMatchObject({ kind: "older", to: kept.size });
    await later.close();
  });
});

test("other keys that are given too do no harm, and those of before are needed", async () => {
  const other = { name: audited.key.name, publicKey: testSigner("Ed25519", "other").publicKey };
  expect((await verdictOn(file, { keys: [other, audited.key] })).finding).toBeUndefined();
  expect((await verdictOn(file, { keys: [other] })).finding?.kind).toBe("header");
});

test("more signatures at the end are more than an export has", async () => {
  const note: string = JSON.parse(lines.at(-1)!.toString()).checkpoint;
  const last = Buffer.from(`${checkpointLine(note + note.slice(note.lastIndexOf("\n\n") + 2))}\n`);
  expect((await verdictOn(Buffer.concat(lines.with(-1, last)), keys())).finding?.kind).toBe("added");
});

/** All of it as somebody would write it who knows how: hashes anew, and this line at the end. */
function rechained(bodies: readonly string[], last: Buffer): Buffer {
  const sealed = chain(bodies, (body) => body);
  return Buffer.concat([must(lines[0]), ...sealed.map(({ line }) => line), last]);
}

/** The same, every checkpoint signed anew too. */
function resigned(bodies: readonly string[], signer: NoteSigner): Buffer {
  const trail = new Trail(crypto);
  const trees = [trail.tree];
  const sealed = chain(
    bodies,
    (body) => {
      const record = JSON.parse(body);
      for (const event of record.events) {
        if (event.type !== "checkpoint-signed") continue;
        event.note = signCheckpoint(must(trees[event.size]), signer, crypto);
        event.root = toBase64Url(openCheckpoint(event.note, [keyOf(signer)], crypto).root);
      }
      return JSON.stringify(record);
    },
    (hash) => {
      trail.add(hash);
      trees.push(trail.tree);
    },
  );
  const header = Buffer.from(`${headerLine(noteKeyText(keyOf(signer), crypto))}\n`);
  const last = Buffer.from(`${checkpointLine(signCheckpoint(trail.tree, signer, crypto))}\n`);
  return Buffer.concat([header, ...sealed.map(({ line }) => line), last]);
}

function chain(bodies: readonly string[], change: (body: string) => string, told = (_hash: string) => {}) {
  let previous = "0".repeat(64);
  return bodies.map((old, i) => {
    const body = change(old)
      .replace(/^{"position":\d+/, `{"position":${i + 1}`)
      .replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${previous}"`);
    previous = bodyHash(body);
    expect(fromHex(previous)).toHaveLength(32);
    told(previous);
    return { line: Buffer.from(`${recordLine(previous, body)}\n`) };
  });
}

function keyOf({ name, key }: NoteSigner) {
  return { name, publicKey: key.publicKey };
}

function splitLines(whole: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let from = 0; from < whole.length; from += found.at(-1)!.length)
    found.push(whole.subarray(from, whole.indexOf("\n", from) + 1));
  return found;
}

/** Linear congruential, modulus 2^32 (Numerical Recipes): the same edits in every run. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }
}
