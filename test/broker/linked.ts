/** A real fleet behind a real socket, and what a gateway process would know of it. */
import { type LinkServer, serveLink } from "../../fleet/adapters/link-server.js";
import type { FleetChange, FleetLink, Standing } from "../../fleet/link.js";
import { linkSource, type LinkSource } from "../../fleet/link-feed.js";
import { RemoteLink, type RemoteLinkOptions } from "../../broker/adapters/remote-link.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { SmallFleet } from "../fleet/fixtures.js";

/** A fleet's own link, but standings from a table, and changes that a test makes up. */
export class TableSource implements LinkSource {
  readonly standings = new Map<number, Standing>();
  readonly link: FleetLink;
  /** What the fleet answers to a device. */
  reply: FleetLink["handle"] = async () => [];
  readonly #listeners = new Set<(change: FleetChange) => void>();
  readonly #inner: LinkSource;

  constructor({ service, door }: SmallFleet) {
    this.#inner = linkSource(service, door);
    this.link = {
      ...door,
      standing: (number) => this.standings.get(number),
      handle: (number, message) => this.reply(number, message),
      watch: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  numbers(): Iterable<number> {
    return this.standings.keys();
  }

  authority(version: number): Uint8Array | undefined {
    return this.#inner.authority(version);
  }

  set(number: number, standing: Standing): void {
    this.standings.set(number, standing);
    this.tell({ type: "standing", number });
  }

  tell(change: FleetChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

export const AT = (level: Standing["level"]): Standing => ({
  level,
  lowestGeneration: 1,
  enrolled: true,
  suspected: false,
});

/** Serves on a path, keeps what went wrong, and can be stopped and started again. */
export class Served {
  readonly path: string;
  readonly problems: string[] = [];
  #server: LinkServer | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async start(source: LinkSource): Promise<void> {
    this.#server = await serveLink(source, this.path, (problem) => this.problems.push(problem));
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }
}

/** A gateway's link, and what it was told: changes, and that the service was lost or is back. */
export async function linked(path: string, options: Partial<RemoteLinkOptions> = {}) {
  const states: string[] = [];
  const onChange: RemoteLinkOptions["onChange"] = (lost) => void states.push(lost?.message ?? "back");
  const link = await RemoteLink.open({ path, clock: systemClock, crypto: nodeCrypto, onChange, ...options });
  const told: FleetChange[] = [];
  link.watch((change) => told.push(change));
  return { link, told, states };
}
