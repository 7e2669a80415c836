/** Plays one plan in a world of its own, from the birth of its devices until all is mended, and says what came of it. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Crypto } from "../../protocol/crypto.js";
import { schedule } from "./actors/play.js";
import { joins, Recoveries, Restarts } from "./actors/routine.js";
import { Scene } from "./actors/scene.js";
import type { Figures } from "./actors/tally.js";
import { counting } from "./actors/watch.js";
import { type Failure, failureOf } from "./failure.js";
import { mend } from "./mend.js";
import type { Invariant } from "./invariants/invariant.js";
import { DAY, MINUTE } from "./plan/draws.js";
import type { Plan } from "./plan/plan.js";
import { World } from "./world.js";

export interface RunParts {
  /** Made anew for each run: they remember what they saw. */
  readonly invariants: () => readonly Invariant[];
  readonly crypto?: Crypto;
  /** Hand out every line of the trace. */
  readonly wholeTrace?: boolean;
}

/** What came of one plan. */
export interface Report {
  readonly seed: string;
  readonly steps: number;
  /** Simulated, of all devices together. */
  readonly deviceDays: number;
  /** Of the trace: two runs of one plan are the same run. */
  readonly hash: string;
  readonly figures: Figures;
  readonly failure?: Failure;
  /** The whole trace, where it was asked for. */
  readonly lines?: readonly string[];
}

/** Devices are switched on within this time. */
const SPREAD_MS = 10 * MINUTE;
const MODELS = ["camera", "pump"] as const;
const FIRMWARE = "2.4.0";

/** @throws whatever goes wrong before there is a world. */
export async function runPlan(plan: Plan, parts: RunParts): Promise<Report> {
  const { invariants, crypto = nodeCrypto, wholeTrace = false } = parts;
  const { seed, algorithm, gateways, weather, syncMs, appendMs, policy } = plan;
  const about = { seed, algorithm, gateways, weather, syncMs, appendMs, policy };
  const world = await World.create({ ...about, crypto, wholeTrace });
  const scene = new Scene(world, plan, crypto);
  const startMs = world.nowMs;
  let failure: Failure | undefined;
  try {
    await play(scene, invariants());
  } catch (error) {
    failure = failureOf(error, world);
  }
  const { steps, trace, nowMs } = world;
  const deviceDays = (scene.crew.length * (nowMs - startMs)) / DAY;
  return {
    seed,
    steps,
    deviceDays,
    hash: trace.hash,
    figures: scene.tally.figures,
    ...(failure && { failure }),
    ...(wholeTrace && { lines: trace.lines }),
  };
}

async function play(scene: Scene, invariants: readonly Invariant[]): Promise<void> {
  const { world, plan, tally } = scene;
  for (const invariant of invariants) {
    await invariant.begins?.(world);
    world.observe(invariant);
  }
  world.observe(counting(tally));
  world.observe(new Restarts(scene));
  world.observe(new Recoveries(scene));
  for (let count = 0; count < plan.devices; count++) {
    const model = MODELS[count % MODELS.length] ?? MODELS[0];
    joins(scene, await world.addDevice({ model, build: { firmware: FIRMWARE } }));
  }
  const startMs = world.nowMs;
  for (const node of scene.crew) {
    const delayMs = scene.luck(`${node.name}/start`).between(0, SPREAD_MS);
    world.at(startMs + delayMs, node.name, "starts", () => node.start());
  }
  for (const deed of plan.deeds) schedule(scene, deed, startMs);
  await world.run(startMs + plan.lengthMs);
  await mend(scene);
  for (const invariant of invariants) await invariant.ends?.(world);
}
