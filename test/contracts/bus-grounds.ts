/** What carries the buses of a test: this process, or a real nats-server. */
import { expect } from "vitest";
import { MemoryBus, MemoryCarrier } from "../../protocol/adapters/memory-bus.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Bus } from "../../protocol/bus.js";
import { NatsServer } from "../nats/server.js";

export interface Ground {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  bus(): Promise<Bus>;
  /** Every bus loses its carrier, as at a crash; and has it again. */
  lose(): Promise<void>;
  restore(): Promise<void>;
}

/** @param maxPayload - bytes. */
export function grounds(maxPayload: number): readonly Ground[] {
  return [memory(maxPayload), nats(maxPayload)];
}

function memory(maxPayload: number): Ground {
  const carrier = new MemoryCarrier({ clock: systemClock, maxPayload });
  const buses: MemoryBus[] = [];
  return {
    name: "MemoryBus",
    start: async () => undefined,
    stop: async () => undefined,
    async bus() {
      const bus = new MemoryBus(carrier);
      buses.push(bus);
      return bus;
    },
    lose: async () => buses.forEach((bus) => bus.setUp(false)),
    restore: async () => buses.forEach((bus) => bus.setUp(true)),
  };
}

function nats(maxPayload: number): Ground {
  let server: NatsServer;
  return {
    name: "NatsBus",
    start: async () => void (server = await NatsServer.start({ maxPayload })),
    stop: () => server.remove(),
    bus: () => NatsBus.connect({ servers: [server.url], name: "test" }, (problem) => expect.fail(problem)),
    lose: () => server.kill(),
    restore: () => server.start(),
  };
}
