/** What everybody shares who does something in a world: the world, the plan, who is there, and what was counted. */
import { DeviceError } from "../../../device/errors.js";
import { PeerBag } from "../../../device/peer-bag.js";
import { FleetError } from "../../../fleet/errors.js";
import type { Role } from "../../../protocol/authority.js";
import type { Crypto, Signer } from "../../../protocol/crypto.js";
import { ProtocolError } from "../../../protocol/errors.js";
import type { DeviceNode } from "../device-node.js";
import type { GatewayNode } from "../gateway-node.js";
import type { Deed, Kind } from "../plan/deeds.js";
import type { Plan } from "../plan/plan.js";
import { Fortune, type Luck } from "../random.js";
import type { World } from "../world.js";
import { Recordings } from "./recordings.js";
import { Tally } from "./tally.js";

/** What came of it, in a few words that are the same each time; nothing is counted for undefined. */
export type Outcome = string | undefined;
/** Carries out one thing of a plan. */
export type Play<K extends Kind> = (scene: Scene, deed: Deed<K>, luck: Luck) => Outcome | Promise<Outcome>;
export type Plays<K extends Kind> = { readonly [Each in K]: Play<Each> };

export class Scene {
  readonly world: World;
  readonly plan: Plan;
  readonly crypto: Crypto;
  readonly tally = new Tally();
  readonly recordings: Recordings;
  /** Devices that were born, copies of them apart. */
  readonly crew: DeviceNode[] = [];
  /** Copies that are in use somewhere. */
  readonly copies = new Set<DeviceNode>();
  /** Keys that an Authority has replaced, as an attacker may have kept them. */
  readonly oldKeys: { readonly role: Role; readonly signer: Signer }[] = [];
  /** Until then, true time, no device is switched on: when the night ends that is now, or was last. */
  dayMs = 0;
  readonly #planned: ReadonlySet<string>;
  #isOver = false;
  readonly #fortune: Fortune;
  readonly #bags = new Map<DeviceNode, PeerBag>();

  constructor(world: World, plan: Plan, crypto: Crypto) {
    this.world = world;
    this.plan = plan;
    this.crypto = crypto;
    this.#planned = new Set(plan.deeds.map(({ id }) => id));
    this.#fortune = new Fortune(`${plan.seed}\nplay`);
    this.recordings = new Recordings(this.luck("recordings"));
    world.observe(this.recordings);
    world.observe({ power: (node) => void this.#bags.delete(node) }); // a bag is in memory
  }

  /** The plan is over: what was still to follow from it, does not come. */
  end(): void {
    this.#isOver = true;
  }

  /** What is drawn while something is carried out. */
  luck(id: string): Luck {
    return this.#fortune.stream(id);
  }

  device(place: number): DeviceNode {
    return at(this.crew, place);
  }

  gateway(place: number): GatewayNode {
    return at(this.world.gateways, place);
  }

  /** What it carries for others, as long as its power is on. */
  bag(node: DeviceNode): PeerBag {
    const known = this.#bags.get(node);
    if (known) return known;
    const bag = new PeerBag(node.number ?? 0, this.crypto);
    this.#bags.set(node, bag);
    return bag;
  }

  /**
   * Does something later. Whoever says no as it says no to anybody, with one of our errors, is counted; whatever else
   * is thrown breaks the run. @param id - of the thing in the plan, or a name for what happens by itself.
   */
  after(delayMs: number, id: string, node: string, run: () => Outcome | Promise<Outcome>): void {
    const kind = id.replace(/-\d+$/, "");
    this.world.at(this.world.nowMs + delayMs, node, id, async () => {
      if (this.#isOver && this.#planned.has(id)) return;
      try {
        const outcome = await run();
        if (outcome !== undefined) this.tally.count(kind, outcome);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.tally.count(kind, `refused: ${error.code}`);
      }
    });
  }
}

function isRefusal(error: unknown): error is ProtocolError | FleetError | DeviceError {
  return error instanceof ProtocolError || error instanceof FleetError || error instanceof DeviceError;
}

function at<T>(list: readonly T[], place: number): T {
  const found = list[place % list.length];
  if (found === undefined) throw new Error("a world has devices and gateways");
  return found;
}
