/** The fleet's log in the world: what is durable when its process ends at an append. */
import { expect, test } from "vitest";
import type { FleetEvent } from "../../fleet/events.js";
import { EventDisk } from "../../simulators/world/event-disk.js";
import { Fortune } from "../../simulators/world/random.js";

const EVENT: FleetEvent = { type: "fleet-created", name: "harbour", at: 0, actor: "fleet" };
const instant = { appendTakes: () => Promise.resolve(), killed: () => undefined };

/** False when nobody was answered, and nobody will be. */
function answered(work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(() => true);
  return Promise.race([ended, new Promise<boolean>((resolve) => setImmediate(resolve, false))]);
}

test("a process that ends at an append answers nobody, and the append is durable or not", async () => {
  const found = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const disk = new EventDisk(new Fortune(seed).stream("log"));
    let kills = 0;
    const killed = () => {
      kills += 1;
      disk.close();
    };
    const log = disk.open({ ...instant, killed });
    disk.killAfter(1);
    expect(await answered(log.append("fleet", [EVENT], 0))).toBe(true);
    expect(await answered(log.append("fleet", [EVENT], 1))).toBe(false);
    expect(await answered(log.append("fleet", [EVENT], 2))).toBe(false);
    expect(kills).toBe(1);
    const { length } = await disk.records();
    found.add(length);
    expect(await disk.open(instant).append("fleet", [EVENT], length)).toBe(length + 1);
  }
  expect(found).toEqual(new Set([1, 2]));
});

test("an append that is under way when the process ends is lost", async () => {
  const disk = new EventDisk(new Fortune(1).stream("log"));
  let done: () => void = () => undefined;
  const log = disk.open({ ...instant, appendTakes: () => new Promise((resolve) => (done = resolve)) });
  const append = log.append("fleet", [EVENT], 0);
  disk.close();
  done();
  expect(await answered(append)).toBe(false);
  expect(await disk.records()).toEqual([]);
});

test("a backup that is put back ends where it was made", async () => {
  const disk = new EventDisk(new Fortune(1).stream("log"));
  const log = disk.open(instant);
  await log.append("fleet", [EVENT], 0);
  await log.append("device/1", [EVENT], 0);
  await log.append("fleet", [EVENT], 1);
  disk.close();
  await disk.restore(2);
  expect((await disk.records()).map(({ position, subject }) => [position, subject])).toEqual([
    [1, "fleet"],
    [2, "device/1"],
  ]);
  const again = disk.open(instant);
  await expect(again.append("fleet", [EVENT], 3)).rejects.toMatchObject({ code: "conflict" });
  expect(await again.append("fleet", [EVENT], 1)).toBe(3);
});
