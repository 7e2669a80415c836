/** Does what decisions leave to be done: acts, device by device; then the head of the ledger is signed anew. */
import type { Clock, Timer } from "../protocol/clock.js";
import type { Crypto } from "../protocol/crypto.js";
import { contentDigest } from "../protocol/ledger/content.js";
import { type FleetEvent, toBase64Url } from "./events.js";
import { wholeContent } from "./ledger-history.js";
import type { Position } from "./ports.js";
import type { Context, Work } from "./registry.js";
import { type BeaconRequest, beaconDue } from "./registry-beacon.js";
import { openWork } from "./registry-work.js";
import type { Turns } from "./turns.js";
import type { FleetView } from "./view.js";

/** The service that does it. */
export interface Doer {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly turns: Turns;
  view(): FleetView;
  /** Of the newest record in the view. */
  position(): Position;
  /** Nothing can be decided, and nothing is tried. */
  isStopped(): boolean;
  context(): Context;
  /** One decision, within a turn. */
  decide(request: Work | BeaconRequest, actor: string): Promise<unknown>;
}

/** Work that another service left open, or that failed here, is taken up after this. */
const LEFT_OPEN_MS = 2_000;

export class LeftOpen {
  readonly #doer: Doer;
  /** Something was decided since work was last looked for. */
  #mayBeAny = true;
  #later: Timer | undefined;
  #isClosed = false;

  constructor(doer: Doer) {
    this.#doer = doer;
  }

  /** @param isOwn - whoever decided it does what follows from it, unless it ends first. */
  heard(type: FleetEvent["type"], isOwn: boolean): void {
    if (type === "lease-issued" || type === "receipt-received") return;
    this.#mayBeAny = true;
    if (!isOwn) this.#takeUpLater();
  }

  /** Resolves when nothing is left. @throws whatever a decision throws. */
  async finish(): Promise<void> {
    if (!this.#mayBeAny || this.#doer.isStopped()) return;
    await this.#doer.turns.take(() => this.#doAll());
  }

  close(): void {
    this.#isClosed = true;
    this.#later?.cancel();
  }

  #takeUpLater(): void {
    if (this.#isClosed) return;
    this.#later ??= this.#doer.clock.after(LEFT_OPEN_MS, () => {
      this.#later = undefined;
      this.finish().catch(() => undefined); // it is tried again, and whoever asks for something next is told
    });
  }

  async #doAll(): Promise<void> {
    while (this.#mayBeAny) {
      this.#mayBeAny = false; // whatever is heard from here on says so again
      try {
        await this.#doWork();
        await this.#signHead();
      } catch (error) {
        this.#mayBeAny = true;
        this.#takeUpLater(); // the log may be back before anybody asks
        throw error;
      }
    }
  }

  async #doWork(): Promise<void> {
    const doer = this.#doer;
    for (let work = this.#open(); work.length > 0; work = this.#open()) {
      const before = doer.position();
      for (const one of work) await doer.decide(one, "id" in one ? `act/${one.id}` : "fleet");
      if (doer.position() === before) throw new Error("there is work to do that nothing comes of");
    }
  }

  async #signHead(): Promise<void> {
    const doer = this.#doer;
    while (beaconDue(doer.view(), doer.context())) {
      const { ledger, epoch } = doer.view();
      const digest = toBase64Url(contentDigest(wholeContent(ledger), doer.crypto));
      await doer.decide({ type: "issue-beacon", epoch, digest }, "fleet");
    }
  }

  #open(): readonly Work[] {
    return openWork(this.#doer.view(), this.#doer.context());
  }
}
