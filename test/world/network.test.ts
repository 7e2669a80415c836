/** The network of the world: what a connection carries, what it does not, and who hears of its end. */
import { describe, expect, test } from "vitest";
import { Network } from "../../simulators/world/network.js";
import type { End, Packet } from "../../simulators/world/packet.js";
import { Fortune } from "../../simulators/world/random.js";
import { Schedule } from "../../simulators/world/schedule.js";

const MINUTE_MS = 60_000;

interface Caller {
  readonly end: End;
  readonly heard: string[];
}

/** A network without anybody in it, and what happens there. */
class Line {
  readonly schedule = new Schedule(0);
  readonly network = new Network(this.schedule, new Fortune(1));
  /** Who has called the gateway, in order. */
  readonly called: Caller[] = [];

  constructor() {
    this.network.listen("gateway", (_device, endFor) => this.called.push(ears(endFor)));
  }

  dial(): Caller {
    return ears((hears) => this.network.dial("device", "gateway", hears));
  }

  /** A connection whose ends have met. */
  connected(): { device: Caller; gateway: Caller } {
    const device = this.dial();
    this.pass(1000);
    return { device, gateway: this.called.at(-1)! };
  }

  /** @param act - done within the first step. */
  pass(ms: number, act: () => void = () => undefined): void {
    const untilMs = this.schedule.nowMs + ms;
    this.schedule.at(this.schedule.nowMs, "", "", act);
    while ((this.schedule.nextMs() ?? Infinity) <= untilMs) this.schedule.take()?.run();
    this.schedule.nowMs = untilMs;
  }
}

function ears(endFor: (hears: { packet(packet: Packet): void; closed(): void }) => End): Caller {
  const heard: string[] = [];
  const end = endFor({
    packet: (packet) => void heard.push(packet.type === "taken" ? String(packet.id) : packet.type),
    closed: () => void heard.push("closed"),
  });
  return { end, heard };
}

const taken = (id: number): Packet => ({ type: "taken", id });

describe("a connection", () => {
  test("carries everything in order, whenever it was sent", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    for (let id = 0; id < 50; id += 2)
      line.pass(1, () => {
        gateway.end.send(taken(id));
        gateway.end.send(taken(id + 1));
      });
    line.pass(1000);
    expect(device.heard).toEqual(Array.from({ length: 50 }, (_, id) => String(id)));
  });

  test("ends for both when one closes it, after what was sent before", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    line.pass(1000, () => {
      device.end.send(taken(1));
      device.end.close();
      device.end.send(taken(2));
    });
    expect(gateway.heard).toEqual(["1", "closed"]);
    expect(device.heard).toEqual([]);
  });

  test("is refused at once where nobody listens, and hangs where nothing passes", () => {
    const line = new Line();
    line.network.deafen("gateway");
    const refused = line.dial();
    line.pass(1000);
    expect(refused.heard).toEqual(["closed"]);
    line.network.cut(["device"], ["gateway"]);
    const hanging = line.dial();
    line.pass(20_000);
    expect(hanging.heard).toEqual([]);
    line.pass(10 * MINUTE_MS);
    expect(hanging.heard).toEqual(["closed"]);
  });
});

describe("while nothing passes", () => {
  test("what was sent waits, and arrives late and in order", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    const cut = line.network.cut(["device"], ["gateway"]);
    line.pass(20_000, () => device.end.send(taken(1)));
    line.pass(1, () => device.end.send(taken(2)));
    expect(gateway.heard).toEqual([]);
    line.pass(1, () => {
      line.network.heal(cut);
      device.end.send(taken(3));
    });
    line.pass(5 * MINUTE_MS);
    expect(gateway.heard).toEqual(["1", "2", "3"]);
    expect(device.heard).toEqual([]);
  });

  test("both give up by themselves in the end", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    line.network.cut(["gateway"], ["device"]);
    line.pass(59_000);
    expect([device.heard, gateway.heard]).toEqual([[], []]);
    line.pass(2 * MINUTE_MS);
    expect([device.heard, gateway.heard]).toEqual([["closed"], ["closed"]]);
  });

  test("one way, only the other way goes on", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    line.network.cut(["gateway"], ["device"], true);
    line.pass(30_000, () => {
      device.end.send(taken(1));
      gateway.end.send(taken(2));
    });
    expect([device.heard, gateway.heard]).toEqual([[], ["1"]]);
    line.pass(2 * MINUTE_MS); // the device hears no answer, hangs up, and is heard to
    expect([device.heard, gateway.heard]).toEqual([["closed"], ["1", "closed"]]);
  });

  test("what an old connection still carries arrives after a new one was made", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    const cut = line.network.cut(["device"], ["gateway"]);
    line.pass(10_000, () => device.end.send(taken(1)));
    device.end.vanish();
    line.network.heal(cut);
    const again = line.connected();
    expect(again.gateway).not.toBe(gateway);
    expect(gateway.heard).toEqual(["1"]);
    line.pass(2 * MINUTE_MS);
    expect(gateway.heard).toEqual(["1", "closed"]); // nobody was there any more
  });
});

describe("a connection that breaks", () => {
  test.each([
    [["device", "gateway"], 0, 0],
    [["device"], 0, 1],
    [["gateway"], 1, 0],
    [[], 1, 1],
  ] as const)("is known to %j at once, and to all in the end", (knows, deviceWaits, gatewayWaits) => {
    const line = new Line();
    const { device, gateway } = line.connected();
    line.pass(1000, () => line.network.break("device", knows));
    expect([device.heard.length, gateway.heard.length]).toEqual([1 - deviceWaits, 1 - gatewayWaits]);
    line.pass(5 * MINUTE_MS);
    expect([device.heard, gateway.heard]).toEqual([["closed"], ["closed"]]);
  });

  test("takes with it what was under way", () => {
    const line = new Line();
    const { device, gateway } = line.connected();
    line.network.weather = { ...line.network.weather, breaks: 1 };
    line.pass(5 * MINUTE_MS, () => device.end.send(taken(1)));
    expect([device.heard, gateway.heard]).toEqual([["closed"], ["closed"]]);
  });
});
