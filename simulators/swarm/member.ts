/** One device of a swarm: the shipped device code, played in this process, and what is seen of it. */
import { MqttTransport } from "../../device/adapters/mqtt-transport.js";
import { createDevice, type Device, type DeviceEvent } from "../../device/main.js";
import type { Backoff } from "../../device/backoff.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { utf8 } from "../../protocol/bytes.js";
import type { Clock } from "../../protocol/clock.js";
import { entropy, type Identity, writeIdentity, type Written } from "./identity.js";
import { ObservedTransport } from "./observed-transport.js";
import { firstSight, marked, notice, type Noticed, type Sighting } from "./sighting.js";
import { machineMs } from "./time.js";
import type { Timing } from "./timings.js";

/** Where a device finds the gateways, and from which of this machine's addresses it comes. */
export interface Way {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

/** Times that all devices of a process fill together. */
export interface MemberTimings {
  /** From the first byte of a connection to the first lease that came over it. */
  readonly lease: Timing;
  /** From handing a message to the device until a gateway has acknowledged it. */
  readonly publish: Timing;
}

/** The shipped shape (full jitter, doubling), and quicker than shipped: nobody wants to watch for minutes. */
export const SWARM_BACKOFF: Backoff = { firstMs: 500, longestMs: 20_000 };
const TOPIC = "swarm";
const poweredClock: Clock = { nowMs: machineMs, after: (delayMs, run) => systemClock.after(delayMs, run) };

export class Member {
  readonly #identity: Identity;
  readonly #transport: ObservedTransport;
  readonly #timings: MemberTimings;
  #seen: Sighting;
  #device: Device | undefined;
  #openingAtMs: number | undefined;
  #settle: () => void = () => undefined;

  constructor(identity: Identity, way: Way, timings: MemberTimings) {
    this.#identity = identity;
    this.#timings = timings;
    this.#seen = firstSight(identity.number, "none");
    this.#transport = new ObservedTransport(new MqttTransport(way), {
      opening: () => (this.#openingAtMs = machineMs()),
      received: () => this.#notice({ type: "received" }),
    });
  }

  get sighting(): Sighting {
    return this.#seen;
  }

  mark(): void {
    this.#seen = marked(this.#seen);
  }

  /** Switches it on. Resolves at its first lease, or when it failed; which may never be. */
  async start(): Promise<void> {
    const settled = new Promise<void>((resolve) => (this.#settle = resolve));
    const { store, keys } = this.#identity;
    const parts = { crypto: nodeCrypto, clock: poweredClock, entropy, backoff: SWARM_BACKOFF };
    const device = await createDevice({ store, keys, transport: this.#transport, ...parts });
    this.#device = device;
    this.#notice({ type: "level", level: device.level });
    device.onEvent((event) => this.#heard(event));
    await settled;
  }

  /** @param text - what it says on its own topic; the answer is counted. */
  publish(text: string): void {
    const askedAtMs = machineMs();
    this.#device?.publish(TOPIC, utf8(text)).then(
      () => {
        this.#timings.publish.record(machineMs() - askedAtMs);
        this.#notice({ type: "acknowledged" });
      },
      () => undefined, // what was never acknowledged is not counted, which is the point
    );
  }

  reconnect(): void {
    this.#transport.drop();
  }

  async close(): Promise<void> {
    await this.#device?.close();
  }

  /** As a line of a batch. */
  write(): Promise<Written> {
    return writeIdentity(this.#identity);
  }

  #heard(event: DeviceEvent): void {
    switch (event.type) {
      case "connected":
        return event.door === "front" ? this.#notice({ type: "connected" }) : undefined;
      case "disconnected":
        return this.#notice({ type: "closed" });
      case "leased":
        return this.#leased();
      case "speak":
        return this.#notice({ type: "speak", allowed: event.allowed });
      case "level":
        return this.#notice({ type: "level", level: event.level });
      case "failed":
        this.#notice({ type: "failed", why: event.error.message });
        return this.#settle();
    }
  }

  #leased(): void {
    if (this.#openingAtMs !== undefined) this.#timings.lease.record(machineMs() - this.#openingAtMs);
    this.#openingAtMs = undefined; // a later lease over the same connection says nothing about connecting
    this.#notice({ type: "leased" });
    this.#settle();
  }

  #notice(noticed: Noticed): void {
    this.#seen = notice(this.#seen, noticed, machineMs());
  }
}
