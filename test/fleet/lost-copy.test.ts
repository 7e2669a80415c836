/** A worker whose own copy of the log is lost: it may have been the only one with the newest records. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readWorker } from "../../fleet/adapters/worker-file.js";
import { doctor } from "../../fleet/cli/commands/doctor.js";
import { EXIT } from "../../fleet/cli/exit.js";
import { inProcess } from "./in-process.js";
import {
  at,
  copyOf,
  cutTo,
  hashesOf,
  idOf,
  loseStream,
  mend,
  mendAt,
  nats,
  STREAM,
  stop,
  stream,
  withTwoWorkers,
  work,
} from "./stream-to-mend.js";

withTwoWorkers();

const loseCopyOf = (name: string) => rm(at(name, "fleet", "log"), { recursive: true });
async function streams(): Promise<readonly string[]> {
  const manager = await nats.jetstreamManager();
  return manager.streams.names().next();
}

test("P3: it does not start on a stream that lost the same records", async () => {
  const id = await idOf("b");
  await cutTo((await copyOf("a")).length);
  await loseCopyOf("b");
  for (let start = 0; start < 2; start++)
    await expect(work("b")).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining(`${id} has lost its copy of the log`) as string,
    });
  expect((await inProcess({ doctor }, at("b"), ["doctor"])).stdout).toMatch(/log +fail +.*does not start/);
});

test("P3: its empty log is no copy: what only it had is not dropped without new terms", async () => {
  const id = await idOf("b");
  await loseStream();
  await loseCopyOf("b");
  await expect(work("b")).rejects.toMatchObject({ code: "storage-failed" });
  expect(await readdir(at("b", "fleet", "log"))).toContain("data.mdb");
  expect(await streams()).toEqual([]);
  const here = await mendAt("b", "--from", at("a"), "--yes");
  expect([here.exitCode, here.stderr]).toEqual([EXIT.conflict, expect.stringContaining(`${id} (this one)`)]);
  const empty = await mend("--from", at("b"), "--yes");
  expect([empty.exitCode, empty.stderr]).toEqual([EXIT.conflict, expect.stringContaining("has no record")]);
  expect(await readdir(at("b", "fleet"))).not.toContain("lock");
  const without = await mendAt("b", "--from", at("a"), "--without", id, "--yes");
  expect([without.exitCode, without.stderr]).toEqual([
    EXIT.conflict,
    expect.stringContaining("how far the copies"),
  ]);
  expect((await mendAt("b", "--from", at("a"), "--without", id, "--new-terms", "--yes")).exitCode).toBe(
    EXIT.ok,
  );
  expect((await work("a")).service.view.era).toBe(1);
});

describe("a new worker, with the keys alone", () => {
  const begin = async () => {
    await mkdir(at("c"));
    await cp(at("a", "fleet", "keys"), at("c", "fleet", "keys"), { recursive: true });
  };

  test("P3: makes no stream where the fleet's was lost", async () => {
    await begin();
    await loseStream();
    await expect(work("c")).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining(`there is no stream ${STREAM}`) as string,
    });
    expect(await streams()).toEqual([]);
    expect((await mend("--from", at("b"), "--yes")).exitCode).toBe(EXIT.ok);
    expect((await work("c")).service.stopped).toBeUndefined();
  });

  test("that was cut off before it joined starts again", async () => {
    await begin();
    await (await work("c")).close();
    await loseCopyOf("c");
    const { id } = (await readWorker(at("c", "fleet")))!;
    await writeFile(at("c", "fleet", "worker.json"), JSON.stringify({ id }));
    expect((await work("c")).service.stopped).toBeUndefined();
    await stop();
    expect(await readFile(at("c", "fleet", "worker.json"), "utf8")).toBe(
      `${JSON.stringify({ id, hasJoined: true })}\n`,
    );
    expect(await hashesOf(stream())).toEqual(await copyOf("c"));
  });
});
