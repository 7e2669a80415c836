/** One device and one log, as several services of a fleet have them. */
import type { FleetEvent } from "../../fleet/events.js";
import type { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { SmallDevice, type SmallFleet } from "./fixtures.js";
import type { Draw } from "./lagging-log.js";

export const always: Draw = () => true;

/** The same device, which reaches the other service. */
export function at(fleet: SmallFleet, device: SmallDevice): SmallDevice {
  const there = new SmallDevice(fleet, device.number, device.idevid, device.papers);
  there.ldevid = device.ldevid;
  return there;
}

export async function eventsOf(log: MemoryEventLog): Promise<readonly FleetEvent[]> {
  const events: FleetEvent[] = [];
  for await (const record of log.read(0)) events.push(...record.events);
  return events;
}
