/** The world of one row: a camera for each way to be held, all with the same past, and a peer that judges them. */
import { takeItem } from "../../../fleet/bundles.js";
import type { Act } from "../../../fleet/events.js";
import { looksSigned, parseEnvelope } from "../../../protocol/cose.js";
import { decodeFrame, frameType } from "../../../protocol/frame.js";
import type { Level } from "../../../protocol/level.js";
import { ErrorReply } from "../../../protocol/notice.js";
import type { DeviceNode } from "../../../simulators/world/device-node.js";
import type { FleetNode } from "../../../simulators/world/fleet-node.js";
import { World } from "../../../simulators/world/world.js";
import { Camera } from "./camera.js";
import { HOLDINGS } from "./holdings.js";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Everybody comes to rest: a sync, what follows from it, and the pauses in between. */
const REST_MS = 6 * HOUR_MS;
const MODEL = "camera";

export class Yard {
  readonly world: World;
  readonly cameras: readonly Camera[];
  readonly peer: DeviceNode;

  private constructor(world: World, cameras: readonly Camera[], peer: DeviceNode) {
    this.world = world;
    this.cameras = cameras;
    this.peer = peer;
    const ofNumber = (number: number) =>
      cameras.filter(({ machines }) => machines.some((node) => node.number === number));
    world.observe({
      heard: (node, bytes) => void this.#of(node)?.heard.push(bytes),
      sent: (node, _topic, bytes) => void this.#of(node)?.said.push(bytes),
      accepted: ({ from }) => cameras.forEach((camera) => camera.spoke(from)),
      fleetEvent: (fleet) => this.#lookAt(fleet),
      answered(_fleet, _gateway, { number, message, answers }) {
        if (!looksSigned(message)) return;
        const { type } = parseEnvelope(message);
        for (const camera of ofNumber(number)) camera.answers.set(type, verdictOf(answers));
      },
    });
  }

  /** Everybody works, was isolated once, by a directive and by an advisory, and freed; and now is held. */
  static async open(seed: string): Promise<Yard> {
    const world = await World.create({ seed, policy: { unknownDevices: "accept" } });
    const cameras: Camera[] = [];
    for (const holding of HOLDINGS)
      cameras.push(new Camera(world, await world.addDevice({ model: MODEL }), holding));
    const yard = new Yard(world, cameras, await world.addDevice({ model: "peer" }));
    await yard.#getsAPast();
    for (const camera of cameras) await camera.holding.hold(yard, camera);
    await world.runFor(HOUR_MS);
    await yard.#come("what holds them", ({ holding }) => holding.level);
    for (const camera of cameras) camera.isHeld();
    yard.#lookAt(world.fleet);
    return yard;
  }

  async #getsAPast(): Promise<void> {
    const { world, cameras, peer } = this;
    for (const node of [...cameras.map(({ node }) => node), peer])
      await world.perform(node.name, "starts", () => node.start());
    await world.until(() => world.devices.every(({ device }) => device?.lease), "all have a lease", HOUR_MS);
    const numbers = cameras.map(({ number }) => number);
    await this.act({ kind: "hold", numbers, level: "isolate", reason: "lost" });
    await this.act({
      kind: "advise",
      numbers: [],
      level: "isolate",
      match: `model = "${MODEL}"`,
      reason: "recall",
    });
    await this.#come("isolate", () => "isolate");
    const questions = new Map<Camera, Uint8Array>();
    for (const camera of cameras) questions.set(camera, await camera.question());
    await this.act({ kind: "unadvise", numbers: [], id: 1, reason: "over" });
    await this.act({ kind: "release", numbers, level: "none", reason: "found" });
    await this.#come("none", () => "none");
    for (const [camera, question] of questions) {
      const take = () => takeItem(world.fleet.service, question, "courier");
      const { answers } = await world.perform("courier", "asks", take);
      camera.stick.push(...camera.heard, ...answers);
    }
    await world.runFor(HOUR_MS);
    for (const camera of cameras) camera.before = camera.node.disk.image();
    await world.runFor(2 * DAY_MS); // tokens move on
  }

  /** @throws Error when operators may not. */
  async act(act: Act): Promise<void> {
    const refused = await this.asked(act);
    if (refused !== undefined) throw new Error(`${act.kind}: ${refused}`);
  }

  /** @returns the code with which operators were refused, if they were. */
  async asked(act: Act, fleet = this.world.fleet): Promise<string | undefined> {
    return (await this.world.perform("operators", act.kind, () => fleet.act(act)))?.code;
  }

  /** Everybody tries to speak, and comes to rest; then they are judged. */
  async rest(): Promise<void> {
    for (const camera of this.cameras) camera.triesToSpeak();
    await this.world.runFor(REST_MS);
    const { device } = this.peer;
    if (!device) throw new Error("the peer is off");
    for (const camera of this.cameras) camera.judge(device);
    for (const fleet of this.world.fleets) this.#lookAt(fleet);
  }

  #come(to: string, level: (camera: Camera) => Level): Promise<void> {
    const there = () => this.cameras.every((camera) => camera.node.device?.level === level(camera));
    return this.world.until(there, `the cameras come to ${to}`, DAY_MS);
  }

  #lookAt(fleet: FleetNode): void {
    if (fleet.isRunning) for (const camera of this.cameras) camera.lookAt(fleet);
  }

  #of(node: DeviceNode): Camera | undefined {
    return this.cameras.find((camera) => camera.node === node);
  }
}

function verdictOf(answers: readonly Uint8Array[]): string {
  const isError = (answer: Uint8Array) => !looksSigned(answer) && frameType(answer) === ErrorReply.type;
  const error = answers.find(isError);
  return error ? `refused: ${decodeFrame(ErrorReply, error).code}` : "given";
}
