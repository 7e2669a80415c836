/**
 * A small fleet with a year behind it, the same to the byte in every run: births, enrollments, holds, releases,
 * advisories, a rotation, a device given to another fleet. What was said meanwhile is what is mutated.
 */
import { MemoryEventLog } from "../../../fleet/adapters/memory-event-log.js";
import { draftNext } from "../../../fleet/ceremony-next.js";
import { type Act, fromBase64Url } from "../../../fleet/events.js";
import { FLEET_KEY_NAMES, type FleetKeys } from "../../../fleet/fleet-keys.js";
import { frontDoor } from "../../../fleet/front-door.js";
import type { FleetLink } from "../../../fleet/link.js";
import { DEFAULT_POLICY } from "../../../fleet/policy.js";
import { FleetService } from "../../../fleet/service.js";
import { embeddedStation } from "../../../fleet/station/embedded.js";
import type { Station } from "../../../fleet/station/station.js";
import { TOKEN_SECRET_BYTES } from "../../../fleet/sync-tokens.js";
import { handoverOf, ownerIn, takeDevice } from "../../../fleet/transfers.js";
import { Authority } from "../../../protocol/authority.js";
import { splitBundle } from "../../../protocol/bundle.js";
import { utf8 } from "../../../protocol/bytes.js";
import type { Clock } from "../../../protocol/clock.js";
import type { Algorithm } from "../../../protocol/crypto.js";
import { sealEnvelope } from "../../../protocol/envelope.js";
import { bornWith } from "./birth.js";
import { countedEntropy, KeyRing, repeatable } from "./keys.js";
import { Sailor } from "./sailor.js";

const FOUNDED = Date.UTC(2027, 0, 1) / 1000;

/** Stands still: what it says is part of what is signed. */
const CLOCK: Clock = { nowMs: () => FOUNDED * 1000, after: () => ({ cancel: () => undefined }) };

export class Fleet {
  readonly service: FleetService;
  readonly station: Station;
  readonly link: FleetLink;
  readonly keys: FleetKeys;
  readonly ring: KeyRing;
  readonly sailors: Sailor[] = [];
  /** What station and devices said to each other. */
  readonly births: Uint8Array[] = [];
  readonly grants: Uint8Array[] = [];

  private constructor(service: FleetService, station: Station, keys: FleetKeys, ring: KeyRing) {
    [this.service, this.station, this.keys, this.ring] = [service, station, keys, ring];
    this.link = frontDoor(service);
  }

  static async found(name: string, ring: KeyRing): Promise<Fleet> {
    const named = FLEET_KEY_NAMES.map((key) => [key, ring.signer(`${name} ${key}`)] as const);
    const keys = Object.fromEntries(named) as FleetKeys;
    const parts = {
      log: new MemoryEventLog(),
      keys,
      clock: CLOCK,
      crypto: repeatable,
      policy: DEFAULT_POLICY,
      tokenSecret: utf8(name.padEnd(TOKEN_SECRET_BYTES)),
    };
    const service = await FleetService.open({ ...parts, entropy: countedEntropy(name), name });
    return new Fleet(service, await embeddedStation(service), keys, ring);
  }

  async bear(hardwareId: string, algorithm: Algorithm = "ES256"): Promise<Sailor> {
    const idevid = this.ring.signer(hardwareId, algorithm);
    const record = await bornWith(idevid, hardwareId, async (message) => {
      const answer = await this.station.receive(message);
      this.births.push(message);
      if (answer.length > 0) this.grants.push(answer);
      return answer;
    });
    const sailor = new Sailor(record, idevid, this.link, this.ring, countedEntropy(hardwareId));
    this.sailors.push(sailor);
    return sailor;
  }

  /** Asked for by one operator and approved by another, where it takes two. */
  async act(act: Act): Promise<void> {
    const { id, refusal } = await this.service.act(act, "operator");
    if (refusal) throw new Error(refusal.text);
    const pending = this.service.view.acts.get(id);
    if (pending?.expiresAt === undefined) return;
    await this.service.approve(id, this.service.actDigest(pending.act), "approver");
  }

  /** The next Authority, with fresh CAs and nothing else new. @returns the link. */
  async rotate(): Promise<Uint8Array> {
    const { trust, options } = this.service;
    const none = {
      roles: {},
      terms: [],
      timeBase: FOUNDED,
      cas: {},
      keep: "factory",
      replaceRoot: false,
    } as const;
    const context = { crypto: repeatable, entropy: options.entropy, now: FOUNDED };
    const draft = draftNext(trust, { ...none, x509Root: this.keys["x509-root"] }, context);
    const link = sealEnvelope(Authority, draft, this.keys.root, trust.fleetId, repeatable);
    await this.service.installAuthority(link, "operator");
    return link;
  }

  /** Every document and certificate that it has ever signed. */
  async signed(): Promise<readonly Uint8Array[]> {
    const documents: Uint8Array[] = [];
    for await (const { events } of this.service.options.log.read(0))
      for (const { signed } of events) if (signed !== undefined) documents.push(fromBase64Url(signed));
    return documents;
  }

  get founding(): Uint8Array {
    return fromBase64Url(this.service.view.authorities.get(1)?.signed ?? "");
  }
}

export interface World {
  readonly home: Fleet;
  readonly ring: KeyRing;
  /** What brings a device of `home` to its next owner; and what the next owner was handed for it. */
  readonly arrival: readonly Uint8Array[];
  readonly handover: Uint8Array;
  readonly documents: readonly Uint8Array[];
}

export async function makeWorld(): Promise<World> {
  const ring = new KeyRing();
  const [home, abroad] = [await Fleet.found("home", ring), await Fleet.found("abroad", ring)];
  const [steady, held, sold, pledge] = [
    await home.bear("hw-steady"),
    await home.bear("hw-held", "Ed25519"),
    await home.bear("hw-sold"),
    await home.bear("hw-pledge"),
  ];
  for (const sailor of [steady, held, sold]) {
    await sailor.connect("lobby", "lobby");
    await sailor.connect("front", "pledge");
    await sailor.connect("front", "device");
  }
  await pledge.connect("lobby", "lobby");
  const { service } = home;
  await home.act({ kind: "hold", numbers: [held.number], level: "isolate", reason: "reported stolen" });
  await home.act({
    kind: "advise",
    numbers: [],
    match: 'model = "camera"',
    level: "observe",
    reason: "rule",
  });
  await home.act({ kind: "count", numbers: [steady.number], count: "reboot", reason: "stuck" });
  await held.connect("front", "held");
  await home.act({ kind: "release", numbers: [held.number], level: "none", reason: "found again" });
  await home.act({
    kind: "unadvise",
    numbers: [],
    id: service.view.advisories.active[0]?.id ?? 0,
    reason: "over",
  });
  await home.act({ kind: "hold", numbers: [held.number, pledge.number], level: "restrict", reason: "again" });
  const owner = ownerIn(abroad.founding, service);
  await home.act({ kind: "give", numbers: [sold.number], owner, reason: "sold" });
  const handover = handoverOf(service, sold.number);
  if (!handover) throw new Error("what was given has a hand-over");
  const order = { handover, from: service.trust.fleetId };
  const { arrival } = await takeDevice(abroad.service, abroad.station, order, "operator");
  await home.rotate();
  await steady.connect("front", "device");
  for (const sailor of [steady, held]) {
    sailor.want("challenge");
    sailor.want("receipt");
  }
  return { home, ring, arrival: splitBundle(arrival), handover, documents: await home.signed() };
}
