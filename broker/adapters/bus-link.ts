/**
 * A gateway's link over a bus: any service of the fleet answers what it asks, and one of them, whichever, tells it
 * what changes. An answer waits for the change that it follows from.
 */
import { linkSubjects } from "../../fleet/link-bus-wire.js";
import { Positions } from "../../fleet/link-positions.js";
import type { Asked } from "../../fleet/link-wire.js";
import type { Bus } from "../../protocol/bus.js";
import { BusAsker } from "./bus-asker.js";
import { BusLine, type BusLineParts } from "./bus-line.js";
import { LinkError } from "./link-error.js";
import { type LineListener, ReplicaLink, type ReplicaLinkOptions } from "./replica-link.js";

export interface BusLinkOptions extends ReplicaLinkOptions {
  /** Not closed with the link. */
  readonly bus: Bus;
  /** 32 hex digits. */
  readonly fleetId: string;
}

export class BusLink extends ReplicaLink<BusLine> {
  readonly #parts: BusLineParts;
  readonly #asker: BusAsker;
  readonly #unwatch: () => void;
  /** Why nothing is asked now: the bus has lost its carrier, or the gateway ends. */
  #refusal: LinkError | undefined;

  private constructor(options: BusLinkOptions) {
    super(options);
    const { bus, clock, fleetId } = options;
    const positions = new Positions(clock, 0);
    this.#parts = { bus, clock, positions, subjects: linkSubjects(fleetId) };
    const news = () => (this.line?.isWhole ? this.line : undefined);
    this.#asker = new BusAsker({ ...this.#parts, news });
    this.#unwatch = bus.onState((isUp) => {
      this.#refuse(isUp ? undefined : new LinkError("link-down", "the carrier of the link is lost"));
    });
  }

  /** Resolves with a link that has a whole snapshot. @throws LinkError "link-down" when no service gives one. */
  static async open(options: BusLinkOptions): Promise<BusLink> {
    const link = new BusLink(options);
    try {
      await link.open();
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }

  override close(): void {
    super.close();
    this.#unwatch();
    this.#refuse(new LinkError("link-down", "this gateway is closing"));
    this.#parts.positions.close();
  }

  /** When no service is there, rejected at once; when the one that tells the news is lost, others still answer. */
  protected override async ask(asked: Asked): Promise<readonly Uint8Array[]> {
    if (this.#refusal) throw this.#refusal;
    return this.#asker.ask(asked);
  }

  protected override connect(listener: LineListener): BusLine {
    return new BusLine(this.#parts, listener);
  }

  #refuse(why: LinkError | undefined): void {
    this.#refusal = why;
    if (why) this.#asker.fail(why);
  }
}
