/**
 * Who syncs in the sync bench: devices of one fleet that hold everything and show the token of their last lease, as on
 * an ordinary day. Their requests are signed before anything is measured: they can be, since a fleet's next token is
 * known to whoever has its secret.
 */
import type { FleetEvent } from "../../fleet/events.js";
import type { EventLog } from "../../fleet/ports.js";
import { sealToken } from "../../fleet/sync-tokens.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { payloadHash } from "../../protocol/envelope.js";
import { decodeFrame } from "../../protocol/frame.js";
import { SyncReply } from "../../protocol/sync.js";
import type { HeldVector } from "../../protocol/vector.js";
import type { Version } from "../../protocol/version.js";
import { must, signedOf, type SmallDevice, SmallFleet } from "../fleet/fixtures.js";
import type { Requests } from "./sync-loop.js";

const HEALTH = { uptimeSeconds: 86_400, heldBack: 0 };
const MAX_REPLY_BYTES = 4_096;

export class SyncCrowd {
  readonly fleet: SmallFleet;
  readonly #devices: readonly SmallDevice[];
  /** Leases that each device will have had by its next request. */
  #leases = 0;

  static async open(log: EventLog, count: number): Promise<SyncCrowd> {
    const fleet = await SmallFleet.open({ log });
    const devices: SmallDevice[] = [];
    for (let i = 0; i < count; i++) devices.push(await fleet.member(`device ${i}`));
    return new SyncCrowd(fleet, devices);
  }

  private constructor(fleet: SmallFleet, devices: readonly SmallDevice[]) {
    this.fleet = fleet;
    this.#devices = devices;
  }

  /** The next of every device, so many. All have to be sent before it is called again. */
  requests(each: number): readonly Requests[] {
    const first = this.#leases;
    this.#leases += each;
    return this.#devices.map((device) => {
      const holds = this.#everything(device);
      const messages = Array.from({ length: each }, (_, i) => this.#request(device, first + i, holds));
      return { number: device.number, messages };
    });
  }

  #request(device: SmallDevice, leases: number, holds: HeldVector): Uint8Array {
    const { clock, service } = this.fleet;
    const known = { holds, health: HEALTH, maxReplyBytes: MAX_REPLY_BYTES, time: clock.seconds };
    if (leases === 0) return device.syncRequest(known);
    const { tokenSecret: secret } = service.options;
    const sealing = { secret, era: service.view.era, fleetId: service.trust.fleetId, crypto: nodeCrypto };
    const holder = must(service.view.devices.get(device.number));
    return device.syncRequest({
      ...known,
      token: sealToken(sealing, holder, { n: leases, after: leases - 1 }),
    });
  }

  /** All that there is: the Authority, the ledger, and the directive that each device gets when it is enrolled. */
  #everything({ number }: SmallDevice): HeldVector {
    const { trust, view } = this.fleet.service;
    const { value, hash } = trust.authority;
    const { beacon, devices } = view;
    return {
      authority: { version: value.version, hash },
      ledger: heldOf(must(beacon)),
      directive: heldOf(must(devices.get(number)?.directive)),
      level: "none",
    };
  }
}

function heldOf(event: FleetEvent & { readonly version: Version }): HeldVector["directive"] {
  return { version: event.version, hash: payloadHash(parseEnvelope(signedOf(event)), nodeCrypto) };
}

/** @throws Error unless it has a lease and nothing else. */
export function assertLeased(replies: readonly Uint8Array[]): void {
  const [reply, ...more] = replies;
  const { lease, documents, ledger } = decodeFrame(SyncReply, must(reply));
  if (!lease || documents.length > 0 || ledger || more.length > 0)
    throw new Error("a sync was not answered by a lease alone");
}
