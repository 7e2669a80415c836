/** aedes with the settings without which one slow client stops, or crashes, all others. */
import { Aedes, type AedesOptions, type PublishPacket } from "aedes";

/** The gateway's own limit is shorter: this one only ends what it has lost sight of. */
const CONNECT_TIMEOUT_MS = 15_000;
/** A peer that takes nothing for so long, while something waits for it, is cut. */
const DRAIN_TIMEOUT_MS = 3_000;

const SETTINGS = {
  // No limit, and so no queue: the emitter's queue blocks everyone behind one stalled subscriber, and a long
  // one overflows the stack when that subscriber leaves.
  concurrency: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  drainTimeout: DRAIN_TIMEOUT_MS,
} as const satisfies AedesOptions;

type Publish = (packet: PublishPacket, ...clientAndDone: unknown[]) => void;

export class Broker extends Aedes {
  constructor(hooks: AedesOptions) {
    super({ ...hooks, ...SETTINGS });
  }

  /**
   * aedes reads on from a publisher only when its slowest subscriber has drained. Here nobody waits for
   * another: what a subscriber does not take is bounded, and it is cut.
   */
  override publish(packet: PublishPacket, ...clientAndDone: unknown[]): void {
    const done = clientAndDone.pop() as (error?: Error) => void;
    // What aedes tells itself of each login and its end: nobody may listen to it, and there is no other broker.
    const isHeard = !packet.topic.startsWith("$SYS/");
    if (isHeard) (super.publish as Publish).call(this, packet, ...clientAndDone, () => undefined);
    setImmediate(done); // never within the call: aedes' parser is not re-entrant
  }
}
