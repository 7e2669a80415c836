/**
 * Two runs of `daymark recover --nats` at once, from two folders: one is held back at a request to the servers, as by a
 * slow line or a stopped process, and the other goes to its end meanwhile; a worker then decides on what it has mended.
 * One of them has mended the stream, and nothing is lost that anybody was told.
 */
import { cp, mkdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { raiseFence } from "../../fleet/adapters/jetstream-fence.js";
import { EXIT } from "../../fleet/cli/exit.js";
import type { FleetEvent } from "../../fleet/events.js";
import { NO_HASH } from "../../fleet/recovery/closed-log.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { Gate, type Held } from "../nats/gate.js";
import { must } from "./fixtures.js";
import type { Ended } from "./in-process.js";
import {
  at,
  copyOf,
  cutTo,
  eventsOf,
  hashesOf,
  idOf,
  hold,
  loseStream,
  mend,
  mendAt,
  mendThrough,
  nats,
  server,
  STREAM,
  stop,
  stream,
  withTwoWorkers,
  work,
} from "./stream-to-mend.js";

withTwoWorkers();

interface Outcome {
  readonly slow: Ended;
  readonly fast: Ended;
  /** What the stream had when the fast one was through, and a worker had decided something. */
  readonly before?: readonly string[];
}

/** For the second one, as on another machine. */
async function copyBoth(): Promise<void> {
  await mkdir(at("other"));
  for (const name of ["a", "b"]) await cp(at(name), at("other", name), { recursive: true });
}

async function atOnce(held: Held, ...args: readonly string[]): Promise<Outcome> {
  await copyBoth();
  const gate = await Gate.start(server.port, held);
  try {
    const mending = mendThrough(gate.url, "a", "--from", at("b"), "--yes", ...args);
    await heldBack(gate, mending);
    const fast = await mendAt("other/b", "--from", at("other", "a"), "--yes", ...args);
    const isMended = fast.stderr.startsWith("mended");
    if (isMended) await hold(await work("other/b"), 1);
    await stop();
    const before = isMended ? await hashesOf(stream()) : [];
    gate.letGo();
    return { slow: await mending, fast, before };
  } finally {
    await gate.close();
  }
}

async function heldBack(gate: Gate, mending: Promise<Ended>, which = 0): Promise<void> {
  await Promise.race([gate.reached(which), mending.then(({ stderr }) => expect.unreachable(stderr))]);
}

const told = /^daymark: (somebody mends .* run this again|daymark recover was begun .* --new-terms)\n$/;

/** One has mended the stream, and the other is told so. */
async function expectOne({ slow, fast, before = [] }: Outcome): Promise<void> {
  const [[winner], [loser]] = [
    [slow, fast],
    [slow, fast],
  ].map((both, i) => both.filter(({ stderr }) => stderr.startsWith("mended") === (i === 0))) as [
    Ended[],
    Ended[],
  ];
  expect([winner?.exitCode, loser?.exitCode, loser?.stderr]).toEqual([
    EXIT.ok,
    EXIT.conflict,
    expect.stringMatching(told),
  ]);
  const hashes = await hashesOf(stream());
  expect(hashes.slice(0, before.length)).toEqual(before);
  expect(hashes).not.toContain(NO_HASH); // nobody is fenced
}

const recorded = async (event: FleetEvent["type"]) =>
  (await eventsOf(stream())).filter(({ type }) => type === event).length;

const LOOK = "STREAM.INFO";
const [CLAIM, MARK, DELETE, MAKE, RECORD] = [
  `${STREAM}.recover`,
  "STREAM.UPDATE",
  `STREAM.DELETE.${STREAM}`, // not of the one that is made to see whether it can be
  `STREAM.CREATE.${STREAM}`,
  ".fleet",
];
/** As many as the copies have: the one that ends the fence comes after them. */
const RECORDS = 12;

test.each<Held>([
  ...[2, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((nth): Held => [LOOK, nth]),
  [CLAIM, 0],
  [MARK, 0],
  [DELETE, 0],
  [MAKE, 0],
  [RECORD, 0],
  [RECORD, RECORDS],
  [MARK, 1],
])("P3: a stream is replaced once, and one Authority has a version: held back at %s %d", async (...held) => {
  await cutTo(6);
  await work("a"); // which fences
  await stop();
  await expectOne(await atOnce(held, "--new-terms"));
  expect(await recorded("authority-issued")).toBe(1);
});

test.each<Held>([
  [LOOK, 3],
  [LOOK, 4],
  [MARK, 0],
  [RECORD, 0],
  [RECORD, 3],
  [RECORD, RECORDS - 6],
])("P4: a stream is filled by one of two: held back at %s %d", async (...held) => {
  await cutTo(6);
  await expectOne(await atOnce(held));
  expect(await recorded("fence-lifted")).toBe(1);
});

test.each<Held>([
  [MAKE, 0],
  [RECORD, 0],
  [RECORD, RECORDS],
])("P4: a stream that is gone is made by one of two: held back at %s %d", async (...held) => {
  await loseStream();
  await expectOne(await atOnce(held));
  expect(await recorded("fence-lifted")).toBe(1);
});

/** Two that are to make a stream anew under new terms: it was put back, and has fenced a worker since. */
async function twoReplace(
  [first, second]: readonly (readonly Held[])[],
  order: (
    one: Gate,
    slow: Promise<Ended>,
    other: Gate,
    start: () => Promise<{ fast: Promise<Ended> }>,
  ) => Promise<void>,
): Promise<Outcome> {
  await cutTo(6);
  await work("a");
  await stop();
  await copyBoth();
  const one = await Gate.start(server.port, ...must(first));
  const other = await Gate.start(server.port, ...must(second));
  try {
    const args = ["--new-terms", "--yes"];
    const slow = mendThrough(one.url, "a", "--from", at("b"), ...args);
    await heldBack(one, slow);
    let started: Promise<Ended> | undefined;
    await order(one, slow, other, async () => {
      const fast = (started = mendThrough(other.url, "other/b", "--from", at("other", "a"), ...args));
      await heldBack(other, fast);
      return { fast };
    });
    return { slow: await slow, fast: await must(started) };
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
}

test("P3: who has judged a stream before another marked it does not delete what that one makes", async () => {
  const held: readonly Held[][] = [
    [
      [MARK, 0],
      [DELETE, 0],
    ],
    [[CLAIM, 0]],
  ];
  const outcome = await twoReplace(held, async (one, _, other, start) => {
    const { fast } = await start(); // and has read what the first has written, but no mark
    one.letGo(0);
    await one.reached(1); // it has looked for the last time
    other.letGo();
    await fast;
    one.letGo(1);
  });
  await expectOne(outcome);
  expect(await recorded("authority-issued")).toBe(1);
});

test("P3: who was held back before it marked a stream finds that another came behind it", async () => {
  const held: readonly Held[][] = [[[MARK, 0]], [[DELETE, 0]]];
  const outcome = await twoReplace(held, async (one, slow, other, start) => {
    await start();
    one.letGo();
    await slow;
    other.letGo();
  });
  await expectOne(outcome);
  expect(await recorded("authority-issued")).toBe(1);
});

test("P3: what a worker writes behind the claim is not deleted", async () => {
  await cutTo(6);
  await work("a");
  await stop();
  const gate = await Gate.start(server.port, [MARK, 0]);
  try {
    const mending = mendThrough(gate.url, "a", "--from", at("b"), "--yes");
    await heldBack(gate, mending);
    await nats.jetstream().publish(`${STREAM}.device.9`, "late");
    gate.letGo();
    const { exitCode, stderr } = await mending;
    expect([exitCode, stderr]).toEqual([EXIT.conflict, expect.stringMatching(told)]);
  } finally {
    await gate.close();
  }
  expect(await hashesOf(stream())).toHaveLength(9); // six, the fence, the claim, and this
  expect((await mend("--from", at("b"), "--yes")).exitCode).toBe(EXIT.ok);
});

test("P3: a fence that a moment has raised is lifted once", async () => {
  await raiseFence(nats, STREAM, systemClock, await idOf("b"), (await copyOf("b")).length);
  await expectOne(await atOnce([MARK, 0]));
  expect(await recorded("fence-lifted")).toBe(1);
});

test("P3: a stream that was made since is not the one that was judged, whatever it has", async () => {
  const one = stream();
  await hashesOf(one);
  expect(await one.mark()).toBeUndefined();
  await cutTo((await copyOf("b")).length); // another, and as long
  await expect(one.make(20)).rejects.toMatchObject({ code: "conflict" });
  await expect(one.replace(at("aside"), "00000000000000aa", 20)).rejects.toMatchObject({ code: "conflict" });
  expect(await stream().mark()).toBeUndefined();
});

test("P3: nobody calls a stream whole that is another by then, or goes on", async () => {
  const one = stream();
  await one.make(20);
  await nats.jetstream().publish(`${STREAM}.device.9`, "late");
  await expect(one.finish()).rejects.toMatchObject({ code: "conflict" });
  const other = stream();
  await other.make(20);
  await cutTo(6); // which another run has finished
  await expect(other.finish()).rejects.toMatchObject({ code: "conflict" });
});

test("P9: whoever finds a stream mended takes its mark away, and its mender is at its end too", async () => {
  await cutTo(6);
  const { slow, fast } = await atOnce([MARK, 1]);
  expect([fast.exitCode, fast.stderr]).toEqual([EXIT.ok, expect.stringContaining("only what it marked")]);
  expect([slow.exitCode, slow.stderr]).toEqual([EXIT.ok, expect.stringContaining("mended")]);
  expect(await recorded("fence-lifted")).toBe(1);
  for (const name of ["a", "b"]) expect((await work(name)).service.stopped).toBeUndefined();
});
