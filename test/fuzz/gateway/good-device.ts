/** A device that does nothing wrong while others do: it asks, is answered, and speaks, each time and at once. */
import { SyncRequest } from "../../../protocol/sync.js";
import { OTHER, OTHER_LDEVID, type Peer, type Stage, envelope, topics } from "../../broker/harness.js";
import { Unacceptable } from "../edge.js";

export class GoodDevice {
  readonly #peer: Peer;
  readonly #request = envelope(SyncRequest.type);

  private constructor(peer: Peer) {
    this.#peer = peer;
  }

  static async connect(stage: Stage): Promise<GoodDevice> {
    return new GoodDevice(await stage.device(OTHER, OTHER_LDEVID));
  }

  /** One question, its answer, and one message of its application. @throws Unacceptable when it is disturbed. */
  async exchange(): Promise<void> {
    const { received, packets, closed } = this.#peer;
    received.length = 0; // it would remember all of a long run
    packets.length = 0;
    if (closed) throw new Unacceptable("the good device was cut");
    try {
      await this.#peer.publish(topics.up(OTHER), this.#request);
      await this.#peer.publish(`${topics.app(OTHER)}temperature`);
    } catch (cause) {
      throw new Unacceptable("the good device could not speak", { cause });
    }
    // The PUBACK of a question comes behind its answer.
    if (received.length !== 1)
      throw new Unacceptable(`the good device got ${received.length} answers, not 1`);
  }
}
