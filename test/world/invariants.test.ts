/**
 * Each invariant in a world in which somebody tries what it is there for: nothing is broken. That it would be, were
 * the guard away that it watches, is shown by patching that guard out (test/guards).
 */
import { describe, expect, test } from "vitest";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import { encodeFrame, frameType, decodeFrame } from "../../protocol/frame.js";
import { LedgerPart } from "../../protocol/ledger-part.js";
import { encodeContent } from "../../protocol/ledger/content.js";
import { SyncReply } from "../../protocol/sync.js";
import { NoBrick } from "../../simulators/world/invariants/brick.js";
import { STATE_FILES } from "../../simulators/world/device-run.js";
import {
  DAY_MS,
  MINUTE_MS,
  start,
  stationElsewhere,
  steal,
  stop,
  syncReplyIn,
  type Watched,
  watched,
} from "./watched.js";

/** What is looked at last, but for I8, which lets the world go on for days. */
async function conclude({ world, invariants }: Watched): Promise<void> {
  for (const invariant of invariants) if (!(invariant instanceof NoBrick)) await invariant.ends?.(world);
}

function operator(world: Watched["world"], run: () => Promise<unknown>): Promise<unknown> {
  return world.perform("operator", "acts", run);
}

describe("I1 Monotone", () => {
  test("an older directive that is repeated leaves the newer one on the disk", async () => {
    const { world, gateway } = await watched();
    await operator(world, () => world.fleet.hold([1], "restrict"));
    const older = Buffer.from(world.fleet.view.devices.get(1)?.directive?.signed ?? "", "base64url");
    await operator(world, () => world.fleet.hold([1], "isolate"));
    await world.runFor(MINUTE_MS);
    gateway.inject(1, new Uint8Array(older));
    await world.runFor(MINUTE_MS);
    expect(world.fleet.view.devices.get(1)?.directive?.version).toEqual([1, 3]);
  });

  test("a device whose state was put back, but not its counter, isolates itself before it sends", async () => {
    const { world, node } = await watched();
    const before = node.disk.image();
    await world.runFor(2 * DAY_MS);
    await stop(world, node);
    node.disk.restore(before, STATE_FILES);
    await start(world, node);
    await world.runFor(DAY_MS);
    expect(node.device?.level).toBe("isolate");
  });

  test("a device that was put back whole gets no lease after a newer token was shown", async () => {
    const { world, node } = await watched();
    const before = node.disk.image();
    await world.runFor(3 * DAY_MS);
    await stop(world, node);
    node.disk.restore(before);
    await start(world, node);
    await world.runFor(DAY_MS);
    expect(world.fleet.view.devices.get(1)?.suspectedAt).toBeDefined();
  });
});

describe("I2 No laundering", () => {
  test("hardware that is held is held under the number of its second birth", async () => {
    const { world, node } = await watched();
    await operator(world, () => world.fleet.hold([1], "isolate"));
    const again = world.makeDevice({ name: "again", hardwareId: node.name });
    await world.perform(again.name, "is born elsewhere", () => again.bear(stationElsewhere(world)));
    expect(again.number).toBe(2);
    expect(world.fleet.view.devices.get(2)?.level).toBe("isolate");
  });

  test("a release that no lease names frees no device", async () => {
    const { world, node, gateway } = await watched();
    await operator(world, () => world.fleet.hold([1], "isolate"));
    await world.runFor(MINUTE_MS);
    gateway.meddling = { up: () => [] };
    await operator(world, () => world.fleet.release([1]));
    await world.runFor(MINUTE_MS);
    expect(node.device?.level).toBe("isolate");
  });

  test("a release that wipes, and that no lease names, frees no device", async () => {
    const { world, node, gateway } = await watched();
    await operator(world, () => world.fleet.hold([1], "isolate"));
    await world.runFor(MINUTE_MS);
    gateway.meddling = { up: () => [] };
    const act = { kind: "count", count: "wipe", numbers: [1], reason: "to be given away" } as const;
    await operator(world, () => world.fleet.act(act));
    await world.runFor(MINUTE_MS);
    expect(node.durable()?.record.done).toEqual({ wipe: 1 });
    expect(node.durable()?.record.freed).toBeUndefined();
  });

  test("a release that wipes frees with the lease that came with it, and takes it away in the same save", async () => {
    const { world, node } = await watched();
    await operator(world, () => world.fleet.hold([1], "isolate"));
    await stop(world, node);
    const act = { kind: "count", count: "wipe", numbers: [1], reason: "to be given away" } as const;
    await operator(world, () => world.fleet.act(act));
    await operator(world, () => world.fleet.release([1]));
    let wiped = false;
    world.observe({
      stored: () => {
        const { lease, freed } = node.durable()?.record ?? {};
        wiped ||= freed !== undefined && lease === undefined;
      },
    });
    await start(world, node);
    await world.runFor(DAY_MS);
    expect([wiped, node.device?.level]).toEqual([true, "none"]);
  });
});

describe("I3 Fresh", () => {
  test("a lease that answers another question counts for nothing", async () => {
    const { world, node, gateway } = await watched();
    let kept: SyncReply | undefined;
    let swapped = 0;
    gateway.meddling = {
      down(_to, payload) {
        const reply = syncReplyIn(payload);
        if (!reply?.lease) return [payload];
        kept ??= reply;
        if (equalBytes(kept.nonce, reply.nonce)) return []; // its answer is kept back
        swapped += 1;
        return [encodeFrame(SyncReply, { ...reply, ...(kept.lease && { lease: kept.lease }) })];
      },
    };
    const before = node.device?.lease;
    await world.runFor(1.5 * DAY_MS);
    expect(swapped).toBeGreaterThan(0);
    expect(node.device?.lease).toEqual(before);
  });

  test("a lease counts only for a device that holds all that it names", async () => {
    const { world, node, gateway } = await watched();
    let stripped = 0;
    gateway.meddling = {
      down(_to, payload) {
        const reply = syncReplyIn(payload);
        if (!reply) return []; // nothing else passes, above all no directive
        stripped += reply.documents.length;
        return [encodeFrame(SyncReply, { ...reply, documents: [] })];
      },
    };
    const before = node.device?.lease;
    const act = { kind: "count", count: "attest", numbers: [1], reason: "a look at it" } as const;
    await operator(world, () => world.fleet.act(act)); // a directive that raises nothing
    await world.runFor(1.5 * DAY_MS);
    expect(stripped).toBeGreaterThan(0);
    expect(node.device?.lease).toEqual(before);
  });

  test("a lease names all that its fleet has committed", async () => {
    const { world } = await watched();
    await operator(world, () => world.fleet.hold([1], "observe"));
    await world.runFor(2 * DAY_MS);
    expect(world.fleet.view.devices.get(1)?.lease?.required.directive).toEqual([1, 2]);
  });
});

describe("I4 Hear before speak", () => {
  test("a gateway takes nothing of a device that is held, whoever has its keys", async () => {
    const { world, node } = await watched();
    await operator(world, () => world.fleet.hold([1], "restrict"));
    await world.runFor(3 * MINUTE_MS);
    await steal(world, node);
    expect(node.device?.level).toBe("restrict");
  });

  test("a gateway takes nothing of a device that is suspected, whoever has its keys", async () => {
    const { world, node } = await watched();
    const copy = world.copyDevice(node, "copy");
    await world.runFor(2 * DAY_MS);
    await start(world, copy);
    const isSuspected = () => world.fleet.view.devices.get(1)?.suspectedAt !== undefined;
    await world.until(isSuspected, "it is suspected", DAY_MS);
    await stop(world, copy);
    await world.runFor(3 * MINUTE_MS);
    await steal(world, node);
    expect(isSuspected()).toBe(true);
  });

  test("a device that was away syncs before it publishes", async () => {
    const { world, node } = await watched();
    world.network.break(node.name, ["device", "gateway"]);
    const said = node.device?.publish("hello", utf8("I am back"));
    await world.runFor(10 * MINUTE_MS);
    await expect(said).resolves.toBeUndefined();
  });
});

describe("I5 Ledger", () => {
  test("the Beacon is over the numbers that are out", async () => {
    const all = await watched({ devices: 2 });
    await operator(all.world, () => all.world.fleet.hold([2], "isolate"));
    await expect(conclude(all)).resolves.toBeUndefined();
  });

  test("a change that does not lead to what the Beacon proves is not stored", async () => {
    const { world, node, gateway } = await watched({ devices: 3 });
    const wrong = encodeContent({ denied: [3], generations: new Map() });
    const falsified = (part: LedgerPart): LedgerPart => ({
      ...part,
      size: wrong.length,
      offset: 0,
      bytes: wrong,
    });
    gateway.meddling = {
      down(_to, payload) {
        const reply = syncReplyIn(payload);
        if (reply?.ledger) return [encodeFrame(SyncReply, { ...reply, ledger: falsified(reply.ledger) })];
        if (payload[0] !== 0x82 || frameType(payload) !== LedgerPart.type) return [payload];
        return [encodeFrame(LedgerPart, falsified(decodeFrame(LedgerPart, payload)))];
      },
    };
    await operator(world, () => world.fleet.hold([2], "isolate"));
    await world.runFor(DAY_MS / 4);
    const stored = await node.stored();
    expect(stored?.record.ledger?.content).not.toEqual(wrong);
  });

  test("nobody trusts a device that its ledger denies", async () => {
    const { world } = await watched({ devices: 2 });
    await operator(world, () => world.fleet.hold([2], "isolate"));
    await world.runFor(9 * DAY_MS);
    expect(world.fleet.view.denied).toEqual(new Set([2]));
  });
});

describe("I6 Durable", () => {
  test("what a device asks with is stored before", async () => {
    const { node } = await watched({ syncMs: [5, 20] });
    expect(node.device?.lease).toBeDefined();
  });

  test("what a fleet has told of is in its log after a crash", async () => {
    const all = await watched({ appendMs: [50, 50] });
    const { world } = all;
    world.at(world.nowMs, "operator", "holds it", () =>
      world.fleet.hold([1], "isolate").then(ignored, ignored),
    );
    await world.runFor(75);
    world.fleet.kill();
    await world.heal();
    await expect(conclude(all)).resolves.toBeUndefined();
  });
});

describe("I7 Identity", () => {
  test("a number is given to one piece of hardware only", async () => {
    const { world } = await watched({ devices: 2 });
    const {
      type: _type,
      at: _at,
      actor: _actor,
      signed: _signed,
      ...born
    } = world.fleet.view.devices.get(2)!.birth;
    const again = { type: "import", birth: { ...born, number: 1 } } as const;
    const { refusal } = await world.perform("station", "imports", () =>
      world.fleet.service.request(again, "station"),
    );
    expect(refusal?.code).toBe("conflict");
  });
});

describe("I8 No brick", () => {
  test("a device whose connections broke again and again comes back", async () => {
    const { world, invariants, node } = await watched();
    for (let times = 0; times < 3; times++) {
      world.network.break(node.name, ["device", "gateway"]);
      await world.runFor(MINUTE_MS);
    }
    await operator(world, () => world.fleet.hold([1], "isolate"));
    for (const invariant of invariants) await invariant.ends?.(world);
    expect(node.device?.level).toBe("none");
  });
});

describe("I9 Honest", () => {
  test("an old sync that a gateway repeats makes nobody suspected", async () => {
    const { world, gateway } = await watched();
    let old: Uint8Array | undefined;
    gateway.meddling = { up: (_from, payload) => [payload, (old ??= payload)] };
    await world.runFor(5 * DAY_MS);
    expect(world.fleet.view.devices.get(1)?.suspectedAt).toBeUndefined();
  });

  test("a power cut at any step of a save raises no alarm", async () => {
    const { world, node } = await watched();
    for (let steps = 0; steps < 14; steps++) {
      node.cutPowerAfter(steps);
      await operator(world, () => world.fleet.hold([1], steps % 2 === 0 ? "observe" : "restrict"));
      await world.until(() => !node.isPowered, "the power goes", 2 * DAY_MS);
      await start(world, node);
      await world.runFor(MINUTE_MS);
    }
    expect(node.device?.standing).toBe("restrict");
  });
});

describe("I10 Fence", () => {
  test("a fleet that is told of its restore signs nothing, and no version twice after it", async () => {
    const seen = await watched();
    const { world, node } = seen;
    const { length: position } = await world.fleet.log.records();
    await world.runFor(2 * DAY_MS);
    world.fleet.kill();
    await world.fleet.log.restore(position);
    await world.perform(world.fleet.name, "starts", () => world.fleet.start());
    await world.until(() => world.fleet.view.fence !== undefined, "the fence is raised", 2 * DAY_MS);
    await operator(world, () => world.fleet.hold([1], "restrict").catch(() => undefined));
    await world.runFor(DAY_MS);
    await operator(world, () => world.fleet.recover("the backup was old"));
    await operator(world, () => world.fleet.hold([1], "restrict"));
    await world.until(() => node.device?.standing === "restrict", "it is held", DAY_MS);
    expect(world.fleet.view.fence).toBeUndefined();
    await conclude(seen);
  });
});

function ignored(): void {
  // it ends with the process
}
