/**
 * A world from one seed: devices, gateways and the fleet run the shipped code, on clocks, disks and a network that
 * are made up. One thing happens at a time; after each, everybody who follows from it has run, and observers look.
 */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { toHex } from "../../protocol/bytes.js";
import { NodeClock, type Ticking } from "./clocks.js";
import { DeviceNode } from "./device-node.js";
import type { DeviceWatcher } from "./device-run.js";
import { FleetNode } from "./fleet-node.js";
import { GatewayLink } from "./gateway-link.js";
import { GatewayNode } from "./gateway-node.js";
import { Keyring } from "./keyring.js";
import { FAIR_WEATHER, Network } from "./network.js";
import type { Observer } from "./observer.js";
import { Fortune } from "./random.js";
import type { Happening } from "./schedule.js";
import { type DeviceSettings, settingsOf, type WorldOptions, type WorldSettings } from "./settings.js";
import { Stage } from "./stage.js";

export class World extends Stage {
  readonly fortune: Fortune;
  readonly network: Network;
  readonly keyring: Keyring;
  /** The first is the one that the world begins with. */
  readonly fleets: FleetNode[] = [];
  readonly gateways: GatewayNode[] = [];
  readonly devices: DeviceNode[] = [];
  readonly #settings: WorldSettings;
  readonly #observers = new Set<Observer>();

  private constructor(settings: WorldSettings) {
    super(String(settings.seed), settings.startMs, settings.wholeTrace);
    this.#settings = settings;
    this.fortune = new Fortune(settings.seed);
    this.network = new Network(this.schedule, this.fortune);
    this.network.weather = settings.weather;
    this.keyring = new Keyring(settings.crypto);
  }

  /** Founds the fleet, starts the gateways, and gives the devices their births. */
  static async create(options: WorldOptions): Promise<World> {
    const world = new World(settingsOf(options));
    const { devices = 0, gateways = 1 } = options;
    await world.addFleet("fleet");
    for (let count = 0; count < gateways; count++) await world.addGateway();
    for (let count = 0; count < devices; count++) await world.addDevice();
    return world;
  }

  /** The one that the world begins with. */
  get fleet(): FleetNode {
    const [first] = this.fleets;
    if (!first) throw new Error("a world begins with a fleet");
    return first;
  }

  /** @returns a call that ends it. */
  observe(observer: Observer): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Another owner; its gateways are its own. */
  async addFleet(name: string, ticking: Ticking = {}): Promise<FleetNode> {
    const { crypto, algorithm, policy, appendMs } = this.#settings;
    const about = { name, crypto, algorithm, ticking, appendMs, schedule: this.schedule };
    const fleet = new FleetNode({
      ...about,
      luck: this.fortune.stream(name),
      ...(policy && { policy }),
      onEvent: (event, position) => {
        this.note(name, `${position} ${event.type}`);
        this.#tell((observer) => observer.fleetEvent?.(fleet, event, position));
      },
      onRuns: (runs) => {
        this.note(name, runs ? "runs" : "has ended");
        this.#tell((observer) => observer.fleetRuns?.(fleet, runs));
      },
    });
    this.fleets.push(fleet);
    await this.perform(name, "is founded", () => fleet.start());
    return fleet;
  }

  /** A device that is born now, and switched off. */
  async addDevice(settings: DeviceSettings = {}): Promise<DeviceNode> {
    const node = this.makeDevice(settings);
    await this.perform(node.name, "is born", () => node.bear(this.fleet.station));
    return node;
  }

  /** A device that has an empty disk: nobody has given it its birth. */
  makeDevice({ model = "camera", ticking = {}, build, name, hardwareId }: DeviceSettings = {}): DeviceNode {
    const { crypto, algorithm, syncMs } = this.#settings;
    const called = name ?? `${model}-${this.devices.length + 1}`;
    const { network, schedule, keyring } = this;
    const about = { name: called, model, crypto, algorithm, ticking, syncMs, network, schedule, keyring };
    const node: DeviceNode = new DeviceNode({
      ...about,
      ...(build && { build }),
      hardwareId: hardwareId ?? called,
      luck: this.fortune.stream(called),
      fate: this.fortune.stream(`${called}/fate`),
      gateways: (fleetId) => this.#gatewaysOf(toHex(fleetId)),
      watcher: this.#watcher(called, () => node),
    });
    this.devices.push(node);
    return node;
  }

  /** Another device with the same keys and the same memory, as someone makes one who copies the disk. */
  copyDevice(node: DeviceNode, name: string): DeviceNode {
    const { model, ticking, build, number } = node;
    const copy = this.makeDevice({ model, ticking, build, name });
    copy.disk.restore(node.disk.image());
    copy.number = number;
    copy.isCopy = true;
    return copy;
  }

  /** @param ticking - how its wall clock goes. */
  async addGateway(ticking: Ticking = {}, fleet = this.fleet): Promise<GatewayNode> {
    const gateway = await this.#startGateway(`gateway-${this.gateways.length + 1}`, ticking, fleet);
    this.gateways.push(gateway);
    return gateway;
  }

  /** The same machine, with a new process. */
  async restartGateway(old: GatewayNode, ticking: Ticking = {}): Promise<GatewayNode> {
    const gateway = await this.#startGateway(old.name, ticking, old.fleet);
    this.gateways[this.gateways.indexOf(old)] = gateway;
    return gateway;
  }

  /** As `restartGateway`, from within a step: it is there as soon as there is a service to serve. */
  bootGateway(old: GatewayNode, ticking: Ticking = {}): void {
    this.at(this.nowMs, old.name, "starts again", async () => {
      const gateway = await this.#openGateway(old.name, ticking, old.fleet);
      const place = this.gateways.indexOf(old);
      if (place >= 0) this.gateways[place] = gateway;
      else gateway.stop(); // another one was started meanwhile
    });
  }

  /** Nothing is wrong any more but what stays wrong: network, disks; gateways and the fleet run. */
  async heal(): Promise<void> {
    this.network.heal();
    this.network.weather = FAIR_WEATHER;
    for (const { disk } of this.devices) disk.readFault = disk.writeFault = undefined;
    for (const fleet of this.fleets)
      if (!fleet.isRunning) await this.perform(fleet.name, "starts again", () => fleet.start());
    for (const gateway of this.gateways) if (gateway.isClosed) await this.restartGateway(gateway);
    for (const node of this.devices)
      if (!node.device && node.number !== undefined)
        await this.perform(node.name, "starts again", () => node.start());
  }

  protected afterStep(step: Happening): void {
    this.#tell((observer) => observer.afterStep?.(this, step));
  }

  #tell(what: (observer: Observer) => void): void {
    for (const observer of this.#observers) {
      try {
        what(observer);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  /** Waits, as the process would be started again and again, until there is a service to serve. */
  #startGateway(name: string, ticking: Ticking, fleet: FleetNode): Promise<GatewayNode> {
    return this.perform(name, "starts", () => this.#openGateway(name, ticking, fleet));
  }

  async #openGateway(name: string, ticking: Ticking, fleet: FleetNode): Promise<GatewayNode> {
    const { crypto, algorithm, linkMs } = this.#settings;
    const { network, schedule } = this;
    const luck = this.fortune.stream(name);
    const clock = new NodeClock(schedule, name, ticking);
    const between = { gateway: name, fleet, network, schedule, luck, crypto, linkMs };
    const link = await GatewayLink.open({
      ...between,
      onAnswer: (answered) => this.#tell((observer) => observer.answered?.(fleet, name, answered)),
    });
    const about = { name, crypto, algorithm, network, fleet, clock, link, luck };
    return GatewayNode.start({
      ...about,
      onAccepted: (accepted) => {
        this.note(name, `takes ${accepted.topic}`);
        this.#tell((observer) => observer.accepted?.(accepted));
      },
      onEvent: (event) => {
        this.note(name, JSON.stringify(event));
        this.#tell((observer) => observer.gatewayEvent?.(name, event));
      },
    });
  }

  #gatewaysOf(fleetId: string): readonly string[] {
    return this.gateways.filter((gateway) => gateway.fleet.id === fleetId).map(({ name }) => name);
  }

  #watcher(name: string, node: () => DeviceNode): DeviceWatcher {
    return {
      event: (event) => {
        this.note(name, event.type === "failed" ? `failed: ${event.error.message}` : JSON.stringify(event));
        this.#tell((observer) => observer.deviceEvent?.(node(), event));
      },
      sent: (topic, bytes) => {
        this.note(name, `sends ${brief(bytes)} to ${topic}`);
        this.#tell((observer) => observer.sent?.(node(), topic, bytes));
      },
      heard: (bytes) => this.#tell((observer) => observer.heard?.(node(), bytes)),
      stored: () => this.#tell((observer) => observer.stored?.(node())),
      power: (power) => {
        this.note(name, `power: ${power}`);
        this.#tell((observer) => observer.power?.(node(), power));
      },
    };
  }
}

/** Enough to tell one message from another. */
function brief(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${toHex(nodeCrypto.sha256(bytes).subarray(0, 4))}`;
}
