/** What a run of `daymark recover --nats` leaves that is stopped: whoever goes on, from whichever folder, forgets none of it. */
import { cp, readdir, rename, rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { raiseFence } from "../../fleet/adapters/jetstream-fence.js";
import { EXIT } from "../../fleet/cli/exit.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import {
  at,
  copyOf,
  eventsOf,
  hashesOf,
  hold,
  idOf,
  kept,
  mend,
  mendAt,
  nats,
  putBack,
  STREAM,
  stop,
  stopAfter,
  stream,
  withTwoWorkers,
  work,
} from "./stream-to-mend.js";

withTwoWorkers();

/** The stream was put back, has said something since, and is then made anew half in the folder of worker a. */
async function stoppedAtA(): Promise<void> {
  await putBack();
  await stopAfter(8);
}

/** The stream has what b does not: b was fenced, the fence was lifted with `args`, and then a decided something. */
async function mendedWhileBWasOff(...args: readonly string[]): Promise<void> {
  await raiseFence(nats, STREAM, systemClock, await idOf("b"), (await copyOf("b")).length);
  expect((await mend("--from", at("b"), "--yes", ...args)).exitCode).toBe(EXIT.ok);
}

test("P3: what the old stream said stands in one folder, and from another nobody goes on without it", async () => {
  await stoppedAtA();
  const id = await idOf("a");
  for (const args of [[], ["--new-terms"], ["--without", id]]) {
    const elsewhere = await mendAt("b", "--from", at("a"), "--yes", ...args);
    expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([
      EXIT.conflict,
      expect.stringContaining(`begun in the folder of worker ${id}`),
    ]);
  }
  await expect(work("b")).rejects.toMatchObject({ code: "conflict" });
  const here = await mend("--from", at("b"), "--yes");
  expect([here.exitCode, here.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("(checkpoint-signed)"),
  ]);
  expect((await mend("--from", at("b"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  expect(await kept()).toEqual(["stream.before-6-7.jsonl"]);
  expect((await work("b")).service.view.era).toBe(1);
});

test("P3: nor after a run that was stopped before it made the stream, and one after it", async () => {
  await putBack();
  const id = await idOf("a");
  const until = (await copyOf("b")).length + 1;
  await stream().replace(at("a", "fleet", "stream.before-6-7.jsonl.unsettled"), id, until);
  await stopAfter(8);
  const elsewhere = await mendAt("b", "--from", at("a"), "--yes");
  expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining(`begun in the folder of worker ${id}`),
  ]);
  const here = await mend("--from", at("b"), "--yes");
  expect([here.exitCode, here.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("(checkpoint-signed)"),
  ]);
});

test("P9: where that folder is lost for good, new terms are begun from another, and its worker is left out", async () => {
  await stoppedAtA();
  const id = await idOf("a");
  await rm(at("a"), { recursive: true });
  const half = await mendAt("b", "--without", id, "--yes");
  expect([half.exitCode, half.stderr]).toEqual([EXIT.conflict, expect.stringContaining("--new-terms")]);
  expect((await mendAt("b", "--without", id, "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
  const { view } = (await work("b")).service;
  expect([view.era, [...view.leftOut]]).toEqual([1, [id]]);
});

test("P3: a file that was put aside and is not there any more is missed", async () => {
  await stoppedAtA();
  const [file = ""] = (await readdir(at("a", "fleet"))).filter((name) => name.endsWith(".unsettled"));
  await rename(at("a", "fleet", file), at("elsewhere"));
  const without = await mend("--from", at("b"), "--yes");
  expect([without.exitCode, without.stderr]).toEqual([EXIT.conflict, expect.stringContaining("not here")]);
  expect((await mend("--from", at("b"), "--new-terms", "--yes")).exitCode).toBe(EXIT.ok);
});

test.each([
  ["and something was decided since", 1],
  ["and nothing was decided since", 0],
])("P3: an older mending is not taken for the end of this one, %s", async (_, decisions) => {
  await mendedWhileBWasOff();
  if (decisions > 0) await hold(await work("a"), 1);
  await stop();
  const id = await idOf("a");
  await rm(at("a"), { recursive: true });
  await stream().make((await hashesOf(stream())).length + 1); // what the run did before it was stopped
  const args = ["--without", id, "--new-terms", "--yes"];
  const done = await mendAt("b", ...args);
  expect([done.exitCode, done.stderr]).toEqual([EXIT.ok, expect.stringMatching(/^mended/)]);
  const { view } = (await work("b")).service;
  expect([view.era, [...view.leftOut]]).toEqual([1, [id]]);
});

test("P3: half a stream that ends with an older mending is not whole", async () => {
  await mendedWhileBWasOff();
  const older = (await hashesOf(stream())).length;
  await hold(await work("a"), 1);
  await stop();
  await cp(at("a"), at("both"), { recursive: true });
  const whole = await copyOf("a");
  const manager = await nats.jetstreamManager();
  await manager.streams.delete(STREAM);
  await stopAfter(older, "both");
  await rm(at("a", "fleet", "log"), { recursive: true });
  const id = await idOf("a");
  const planned = await mendAt("b", "--without", id, "--new-terms");
  expect([planned.exitCode, planned.stdout]).toEqual([EXIT.conflict, expect.stringContaining("new terms")]);
  expect((await mendAt("b", "--from", at("both"), "--yes")).exitCode).toBe(EXIT.ok);
  expect((await hashesOf(stream())).slice(0, -1)).toEqual(whole);
  expect((await eventsOf(stream())).filter(({ type }) => type === "fence-lifted")).toHaveLength(2);
});
