/** A gateway of the world: its process, its certificate and its link to the fleet; who visits it is in gateway-visits.ts. */
import type { Admission } from "../../broker/admission.js";
import type { GatewayEvent } from "../../broker/events.js";
import type { Timer } from "../../protocol/clock.js";
import type { Algorithm, Crypto } from "../../protocol/crypto.js";
import { topicsOf } from "../../protocol/topics.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import type { NodeClock, Span } from "./clocks.js";
import type { FleetNode } from "./fleet-node.js";
import type { GatewayLink } from "./gateway-link.js";
import { type Accepted, type Meddling, Visits } from "./gateway-visits.js";
import type { Network } from "./network.js";
import type { Packet } from "./packet.js";
import type { Luck } from "./random.js";

export interface GatewayParts {
  readonly name: string;
  readonly network: Network;
  readonly clock: NodeClock;
  /** Whose gateway it is. */
  readonly fleet: FleetNode;
  /** Its own; ends with it. */
  readonly link: GatewayLink;
  readonly crypto: Crypto;
  /** For its keys, and for when it is started again. */
  readonly luck: Luck;
  readonly algorithm: Algorithm;
  readonly onAccepted: (accepted: Accepted) => void;
  readonly onEvent: (event: GatewayEvent) => void;
}

/** The least time between two renewals of its certificate. */
const RENEW_RETRY_MS = 60_000;
/** How long it takes until a process that ended is there again. */
const RESTART_MS: Span = [30_000, 90_000];

export class GatewayNode {
  /** Nothing, unless somebody has broken into it. */
  meddling: Meddling = {};
  readonly #parts: GatewayParts;
  readonly #visits: Visits;
  readonly #unwatch: () => void;
  #server: Extract<Packet, { type: "server" }> | undefined;
  #renewal: Timer | undefined;
  #closed = false;

  private constructor(parts: GatewayParts) {
    const { name: gateway, link, fleet } = parts;
    this.#parts = parts;
    this.#visits = new Visits({
      ...parts,
      gateway,
      entropy: (size) => parts.luck.bytes(size),
      topics: topicsOf(fleet.id),
      meddling: () => this.meddling,
    });
    this.#unwatch = link.watch((change) => {
      if (change.type === "authority") this.#renewIn(0);
      this.#visits.changed(change);
    });
  }

  /** Gets its certificate and listens; without one the process ends and is started again, until it gets one. */
  static async start(parts: GatewayParts): Promise<GatewayNode> {
    const gateway = new GatewayNode(parts);
    while (!gateway.#server) await gateway.#certify().catch(() => parts.clock.wait(RESTART_MS, parts.luck));
    parts.network.listen(parts.name, (from, end) => {
      if (gateway.#server) gateway.#visits.accept(from, end, gateway.#server);
    });
    return gateway;
  }

  get name(): string {
    return this.#parts.name;
  }

  get clock(): NodeClock {
    return this.#parts.clock;
  }

  get fleet(): FleetNode {
    return this.#parts.fleet;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** What its sessions were told last. */
  sessions(): readonly Admission[] {
    return this.#visits.sessions().map(({ admission }) => admission);
  }

  /** To the device with this number, if it has a session here: whatever a gateway that lies likes to send. */
  inject(number: number, payload: Uint8Array): void {
    void this.#visits.ofDevice(number)?.sendDown(payload);
  }

  /** The process ends; "power": with its machine, so that nobody hears of it. */
  stop(why: "process" | "power" = "process"): void {
    this.#closed = true;
    this.#unwatch();
    this.#parts.network.deafen(this.name);
    this.#visits.end((end) => (why === "power" ? end.vanish() : end.close()));
    this.#parts.link.close();
    this.#parts.clock.stop();
  }

  /** As broker/gateway-tls.ts: a new key and its certificate, renewed after two thirds of its life. */
  async #certify(): Promise<void> {
    const { name, link, crypto, luck, algorithm, clock } = this.#parts;
    const key = crypto.publicKey(crypto.generate(algorithm, (size) => luck.bytes(size)));
    const chain = await link.certifyGateway(key, [name]);
    const nowSeconds = Math.floor(clock.nowMs() / 1000);
    const { notBeforeSeconds, notAfterSeconds } = verifyChain(
      chain,
      link.trust().certificates,
      nowSeconds,
      crypto,
    );
    this.#server = { type: "server", chain, key };
    this.#renewIn((notBeforeSeconds + ((notAfterSeconds - notBeforeSeconds) * 2) / 3) * 1000 - clock.nowMs());
  }

  #renewIn(delayMs: number): void {
    if (this.#closed) return;
    this.#renewal?.cancel();
    this.#renewal = this.#parts.clock.after(Math.max(delayMs, RENEW_RETRY_MS), () => {
      this.#certify().catch(() => this.#renewIn(RENEW_RETRY_MS));
    });
  }
}
