/** A gateway that is attacked, with a good device at it all the time, and how both are afterwards. */
import type { ConnectionOptions } from "node:tls";
import { systemClock } from "../../../protocol/adapters/system-clock.js";
import { OTHER, Stage } from "../../broker/harness.js";
import { Unacceptable } from "../edge.js";
import { GoodDevice } from "./good-device.js";
import { Wire } from "./wire.js";

/** Room for one that knocks all the time from one address: what the limits refuse is tested elsewhere. */
const MANY = { perSecond: 1_000_000, burst: 1_000_000 };
/** For the same reason time passes between two attacks, for the limits of one device. */
const BETWEEN_ATTACKS_MS = 10_000;
/** Sessions that are not the good device's are gone by then. */
const PATIENCE_MS = Number(process.env["DAYMARK_TEST_PATIENCE_MS"] ?? 20_000);

export class Attacked {
  readonly stage: Stage;
  readonly #good: GoodDevice;

  private constructor(stage: Stage, good: GoodDevice) {
    this.stage = stage;
    this.#good = good;
  }

  static async open(): Promise<Attacked> {
    const stage = await Stage.open({ limits: { handshakes: MANY, perAddress: MANY } });
    return new Attacked(stage, await GoodDevice.connect(stage));
  }

  get port(): number {
    return this.stage.gateway.port;
  }

  secure(identity: ConnectionOptions): Promise<Wire> {
    return Wire.secure(this.port, identity);
  }

  /** The attack, and the good device beside it. @throws Unacceptable when either fails. */
  async during(attack: () => Promise<string>): Promise<string> {
    const { events, link, clock } = this.stage;
    events.length = 0; // they would fill the memory of a long run
    (link.handled as unknown[]).length = 0;
    clock.advance(BETWEEN_ATTACKS_MS);
    const [word] = await Promise.all([attack(), this.#good.exchange()]);
    return word;
  }

  /** Who is in, but for the good device and for whoever stays in the lobby. */
  strangers(): readonly number[] {
    const inside = this.stage.gateway
      .sessions()
      .filter(({ role, number }) => role !== "lobby" && number !== OTHER);
    return inside.map(({ number = 0 }) => number);
  }

  /** @throws Unacceptable unless the good device is the only one left, and still served. */
  async close(): Promise<void> {
    try {
      await this.#good.exchange();
      const until = systemClock.nowMs() + PATIENCE_MS;
      const others = () => this.stage.gateway.sessions().filter(({ number }) => number !== OTHER);
      while (others().length > 0 && systemClock.nowMs() < until)
        await new Promise((next) => setImmediate(next));
      if (others().length > 0)
        throw new Unacceptable(`${others().length} sessions are left that nobody holds`);
    } finally {
      await this.stage.close();
    }
  }
}
