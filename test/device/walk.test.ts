/**
 * Random lives: whatever comes, in whatever order, from the fleet or from strangers, what a device holds
 * never gets older, and nothing leaves it before it is stored (I1, P3, P4, P13).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { step } from "../../device/machine.js";
import type { DeviceRecord } from "../../device/record.js";
import { openRecord } from "../../device/held.js";
import { heldVector, standing } from "../../device/state.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex, utf8 } from "../../protocol/bytes.js";
import { ProtocolError } from "../../protocol/errors.js";
import { LEVELS } from "../../protocol/level.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";
import { Bench, type Taken } from "./bench.js";
import { happening, happens, owner, TICKETS } from "./lives.js";
import { disorder } from "./order.js";
import { readQuestion } from "./questions.js";

const RUNS = 75;
const STEPS = 80;
const SEED = 20_270_101;

/** All that only grows. Every record is looked at twice. */
const known = new WeakMap<DeviceRecord, Record<string, Version>>();
function ages(record: DeviceRecord): Record<string, Version> {
  const found = known.get(record);
  if (found) return found;
  const { directive, release, freed, ledger, advisories, trust } = openRecord(record, nodeCrypto);
  const { version, terms } = trust.authority.value;
  const versionOf = (found: { value: { version: Version } } | undefined) =>
    found?.value.version ?? NO_VERSION;
  const count = (value = 0): Version => [0, value];
  const all = {
    authority: count(version),
    directive: versionOf(directive),
    release: versionOf(release),
    freed: versionOf(freed),
    head: versionOf(ledger.head),
    ledger: versionOf(ledger.set?.beacon),
    advisories: versionOf(advisories.list),
    removals: versionOf(advisories.removal),
    freedRemovals: versionOf(advisories.freed),
    time: [terms.time, record.signedSeconds] as const,
    rebooted: count(record.done?.reboot),
    lastAlarmId: count(record.lastAlarmId),
    receiptCounter: count(record.receiptCounter),
    keyCounter: count(record.keyCounter),
  };
  known.set(record, all);
  return all;
}

/** @returns what a step did that it must not, in words. */
function fault(taken: Taken, bench: Bench): string | undefined {
  const { before, after, input, effects } = taken;
  if (disorder(taken)) return disorder(taken);
  if (before.record !== after.record) {
    const [old, young] = [ages(before.record), ages(after.record)];
    const fell = Object.keys(old).find(
      (name) => compareVersions(young[name] ?? NO_VERSION, old[name] ?? NO_VERSION) < 0,
    );
    if (fell) return `${fell} fell from ${String(old[fell])} to ${String(young[fell])}`;
    const [held, token] = [before.record.token, after.record.token];
    if (token !== held && token?.after !== (held?.n ?? 0))
      return "a token that does not follow on the one held";
  }
  for (const holder of [after.record.ldevid, after.record.base])
    if (holder && !bench.keys.has(holder.key)) return `its key ${holder.key} is gone`;
  const lowered = LEVELS[standing(after)] < LEVELS[standing(before)];
  const named =
    before.held.freed !== after.held.freed || before.held.advisories.freed !== after.held.advisories.freed;
  const leased = before.held.lease !== after.held.lease && after.held.lease !== undefined;
  const { list, latched } = before.held.advisories;
  const newTerm = latched.some(({ term }) => term < (list?.value.version[0] ?? 0)); // confirmed by the lease
  if (lowered && !(leased && (named || newTerm)))
    return `standing fell without a lease that names why, by ${input.type}`;
  for (const effect of effects) {
    if (effect.type !== "save" && tellsSecret(effect)) return `a ticket is told by ${effect.type}`;
    if (effect.type !== "send") continue;
    const { value } = readQuestion(effect.bytes, bench.made, owner); // a frame or an envelope, signed by a key of its own
    const stored = { record: after.record, held: openRecord(after.record, nodeCrypto) };
    const claim = "holds" in value && written(value.holds) !== written(heldVector(stored));
    if (claim && !isRetry(taken)) return "it claims to hold what is not stored";
  }
  return undefined;
}

/** The ticket of a device is nobody's business but the fleet's, and that knows half of it (P8). */
const secrets = TICKETS.map(toHex);
function tellsSecret(value: unknown): boolean {
  const words = written(value);
  return secrets.some((secret) => words.includes(secret));
}

/** The same bytes a second time may be older than what came since. */
const isRetry = ({ after }: Taken) => (after.job?.sent?.tries ?? 1) > 1;

test("I1: a few thousand steps of random lives: nothing falls, and the save comes first", () => {
  let steps = 0;
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(happening, { minLength: STEPS / 2, maxLength: STEPS }), (life) => {
      const bench = new Bench(owner);
      for (const what of life) {
        const [done, onDisk] = [bench.steps.length, bench.disk];
        try {
          happens(bench, what);
        } catch (refusal) {
          if (!(refusal instanceof ProtocolError)) throw refusal; // bytes that did not prove themselves
          if (tellsSecret([refusal.message, toHex(utf8(refusal.message))]))
            throw new Error("an error tells a ticket");
        }
        for (const taken of bench.steps.slice(done)) {
          const wrong = fault(taken, bench);
          if (wrong) throw new Error(wrong);
          if (taken.after.speaking) reached.add("speaking");
          reached.add(standing(taken.after));
          if (taken.after.held.freed) reached.add("freed");
          if (taken.after.record.ldevid) reached.add("enrolled");
          if (taken.after.record.base) reached.add("reenrolled");
          if (taken.after.record.token) reached.add("token");
          if (taken.after.probe) reached.add("probed");
          if (taken.after.held.advisories.freed) reached.add("removed");
          if (taken.after.held.ledger.set) reached.add("ledger");
          if (taken.after.held.trust.authority.value.version === 4) reached.add("rotated");
          if (taken.after.session?.synced && taken.after.held.lease?.value.time[0] === 2)
            reached.add("new time");
        }
        if (bench.steps.length === done && bench.disk !== onDisk) reached.add("rebooted");
        steps += bench.steps.length - done;
      }
    }),
    { seed: SEED, numRuns: RUNS, endOnFailure: true },
  );
  expect(steps).toBeGreaterThan(3000);
  // It was a life, not a row of refusals.
  const seen = [...reached].sort().join(" ");
  const lives =
    "ledger new time none observe probed rebooted reenrolled removed restrict revoked rotated speaking token";
  expect(seen).toBe(`enrolled freed isolate ${lives}`);
});

test("P12: the same state and the same input give the same result", () => {
  const bench = new Bench(owner).speaking();
  bench.receive(owner.directive(1, 1, "isolate"));
  for (const { before, input, effects, after } of bench.steps) {
    const again = step(before, input);
    expect(written(again.effects)).toBe(written(effects));
    expect(written(again.state.record)).toBe(written(after.record));
  }
});

/** cbor-x leaves a property on what it has read, so that the arrays themselves are not to be compared. */
function written(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? toHex(part) : part));
}
