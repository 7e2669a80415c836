/** Who looks on at a world: invariants, attackers that record, and tests. */
import type { GatewayEvent } from "../../broker/events.js";
import type { DeviceEvent } from "../../device/main.js";
import type { FleetEvent } from "../../fleet/events.js";
import type { Position } from "../../fleet/ports.js";
import type { DeviceNode } from "./device-node.js";
import type { Power } from "./device-run.js";
import type { Answered, FleetNode } from "./fleet-node.js";
import type { Accepted } from "./gateway-visits.js";
import type { Happening } from "./schedule.js";
import type { World } from "./world.js";

/**
 * All of it is called within a step, before `afterStep`. What it throws is not seen by whoever is in the middle of
 * something, and comes out of the step: the run is broken.
 */
export interface Observer {
  /** All that follows from this step has run; nothing is under way but what waits for time to pass. */
  afterStep?(world: World, step: Happening): void;
  /** What a device tells its application. */
  deviceEvent?(node: DeviceNode, event: DeviceEvent): void;
  /** A device hands this to the network: the fleet's topics and its application's. `topic`: full. */
  sent?(node: DeviceNode, topic: string, bytes: Uint8Array): void;
  /** This came down from a gateway; the device looks at it next. */
  heard?(node: DeviceNode, bytes: Uint8Array): void;
  /** What is durable on a device's disk has changed; `node.disk.image()` is what it is now. */
  stored?(node: DeviceNode): void;
  power?(node: DeviceNode, power: Power): void;
  /** A gateway took an application message. */
  accepted?(accepted: Accepted): void;
  gatewayEvent?(gateway: string, event: GatewayEvent): void;
  /** The fleet answered a device's message; its gateway has it next. */
  answered?(fleet: FleetNode, gateway: string, answered: Answered): void;
  /** An event is durable in a fleet's log, and in its view. */
  fleetEvent?(fleet: FleetNode, event: FleetEvent, position: Position): void;
  /** The process of the fleet runs, or has ended. */
  fleetRuns?(fleet: FleetNode, runs: boolean): void;
}
