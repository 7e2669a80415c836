/** A gateway's link over the socket of the service on the same machine: news and answers on one line. */
import { createConnection } from "node:net";
import type { Asked } from "../../fleet/link-wire.js";
import { LinkError } from "./link-error.js";
import { LinkLine } from "./link-line.js";
import { type LineListener, ReplicaLink, type ReplicaLinkOptions } from "./replica-link.js";

export interface RemoteLinkOptions extends ReplicaLinkOptions {
  /** Of the service's socket. */
  readonly path: string;
}

export class RemoteLink extends ReplicaLink<LinkLine> {
  readonly #path: string;
  readonly #clock: RemoteLinkOptions["clock"];

  private constructor(options: RemoteLinkOptions) {
    super(options);
    this.#path = options.path;
    this.#clock = options.clock;
  }

  /** Resolves with a link that has a whole snapshot. @throws LinkError "link-down" when no service answers there. */
  static async open(options: RemoteLinkOptions): Promise<RemoteLink> {
    const link = new RemoteLink(options);
    await link.open();
    return link;
  }

  /** When the service is gone, rejected at once. */
  protected override async ask(asked: Asked): Promise<readonly Uint8Array[]> {
    if (!this.line) throw new LinkError("link-down", "no service was reached yet");
    return this.line.ask(asked);
  }

  protected override connect(listener: LineListener): LinkLine {
    return new LinkLine(createConnection(this.#path), this.#clock, listener);
  }
}
