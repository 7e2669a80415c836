/**
 * A device changes its owner by file: the hand-over that the owner before writes, and the bundle that the
 * next one writes for the device. The link of the voucher itself is an act like others, asked for by one
 * operator and approved by another.
 */
import { openFirstAuthority } from "../protocol/authority-chain.js";
import { BirthGrant } from "../protocol/birth.js";
import { joinBundle } from "../protocol/bundle.js";
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import { encodeFrame } from "../protocol/frame.js";
import { Voucher } from "../protocol/voucher.js";
import { type Arrival, openArrival } from "./arrival.js";
import { openBirth } from "./edge.js";
import { FleetError } from "./errors.js";
import { type Base64Url, fromBase64Url, type OriginFact, toBase64Url } from "./events.js";
import { foundingIn, type Handover, joinHandover, splitHandover } from "./handover.js";
import { newestWith } from "./registry-transfer.js";
import type { FleetService } from "./service.js";
import { drawUpIdentity, MAX_GRANT_LINKS } from "./station/births.js";
import type { Station } from "./station/station.js";
import type { DeviceView, FleetView } from "./view.js";

/**
 * Whom a file names as the next owner: SHA-256 of its first Authority.
 * @throws ProtocolError; FleetError "bad-request" when it is this very fleet.
 */
export function ownerIn(file: Uint8Array, { trust, options }: FleetService): Base64Url {
  const { crypto } = options;
  const founding = foundingIn(file);
  if (equalBytes(openFirstAuthority(founding, crypto).fleetId, trust.fleetId))
    throw new FleetError("bad-request", "this is the Authority of the fleet that owns the device already");
  return toBase64Url(crypto.sha256(parseEnvelope(founding).payload));
}

/** What the next owner needs; undefined until the device was given away. The same bytes each time. */
export function handoverOf({ view, trust }: FleetService, number: number): Uint8Array | undefined {
  const device = view.devices.get(number);
  const link = device?.transferred?.number === number ? device.transferred.signed : undefined;
  if (!device || link === undefined) return undefined;
  const own = toBase64Url(trust.fleetId);
  const { maker, idevid, voucher, record, links } = device.birth.origin ?? bornHere(view, device, own);
  const owners = new Set([maker, ...links.map(ownerOf)]);
  const chains = [...owners].map((fleet) => chainOf(view, fleet, own));
  const authority = chains[0]?.[0];
  if (!authority) throw new Error("the Authority of every earlier owner is in the log");
  const grant = {
    idevid: idevid.map(fromBase64Url),
    authority,
    voucher: fromBase64Url(voucher),
    record: fromBase64Url(record),
  };
  return joinHandover({ chains, grant, links: [...links, link].map(fromBase64Url) });
}

/** A hand-over as it came, and whom the operator trusts: who gives and, where that is another, who made it. */
export interface TakeOrder {
  readonly handover: Uint8Array;
  /** Fleet ids. */
  readonly from: Uint8Array;
  readonly maker?: Uint8Array;
}

export interface Taken {
  readonly device: DeviceView;
  readonly origin: OriginFact;
  /** A bundle for the device: how it gets from the owner before to this one. */
  readonly arrival: Uint8Array;
}

/**
 * Makes a device a member that another owner gave. The same hand-over again gives the same answer.
 * @throws ProtocolError for one that does not prove itself; FleetError "conflict" for one that is out of date.
 */
export function takeDevice(
  service: FleetService,
  station: Station,
  { handover, ...trusted }: TakeOrder,
  actor: string,
): Promise<Taken> {
  const given = splitHandover(handover);
  return station.inTurn(async (identity, place) => {
    const { view, trust, options } = service;
    const { crypto } = options;
    const own = toBase64Url(trust.fleetId);
    const known = (fleet: Uint8Array) => chainOf(view, toBase64Url(fleet), own);
    const arrival = openArrival(given, { ...trusted, founding: foundingOf(view), known, crypto });
    const { hardwareId, model, publicKey, link } = arrival;
    const voucher = toBase64Url(link.bytes);
    const before = newestWith(view, toBase64Url(hardwareId), publicKey.bytes);
    if (before && before.birth.voucher === voucher && !before.transferred)
      return taken(service, before.number);
    const papers = drawUpIdentity({ hardwareId, model, publicKey, ...place }, identity);
    const idevid = [papers.idevid, identity.certificate];
    const ours = { trust, crypto, now: service.now() };
    const birth = openBirth({ ...papers, idevid, voucher: link.bytes }, ours, { voucher });
    const owners = arrival.chains.map(({ fleetId, links }) => ({
      fleet: toBase64Url(fleetId),
      links: links.map(toBase64Url),
    }));
    const request = { type: "take", birth: { ...birth, origin: originOf(given, arrival) }, owners } as const;
    const { refusal } = await service.request(request, actor);
    if (refusal) throw new FleetError("conflict", refusal.text);
    return taken(service, birth.number);
  });
}

/** Links of the giver first, which may have replaced keys since the device was last heard of; then ours. */
function taken({ view, trust }: FleetService, number: number): Taken {
  const device = view.devices.get(number);
  const origin = device?.birth.origin;
  if (!device || !origin) throw new Error("what was taken is in the view");
  const own = toBase64Url(trust.fleetId);
  const { idevid, voucher, record } = bornHere(view, device, own);
  const [, ...givers] = chainOf(view, origin.giver, own);
  const [authority = foundingOf(view), ...ours] = chainOf(view, own, own);
  const grant = encodeFrame(BirthGrant, {
    idevid: idevid.map(fromBase64Url),
    authority,
    voucher: fromBase64Url(voucher),
    record: fromBase64Url(record),
    ...(ours.length > 0 && { links: ours.slice(0, MAX_GRANT_LINKS) }),
  });
  return { device, origin, arrival: joinBundle([...givers, grant, ...ours]) };
}

/** The papers that this fleet's station gave, in the form in which those of another maker are kept. */
function bornHere(
  { stations, station }: FleetView,
  { birth }: DeviceView,
  maker: Base64Url,
): Pick<OriginFact, "maker" | "idevid" | "voucher" | "record" | "links"> {
  const by = birth.station === undefined ? station : stations.get(birth.station);
  if (by?.signed === undefined) throw new Error("the station of a birth is in the log");
  const { idevid, voucher, record } = birth;
  return { maker, idevid: [idevid, by.signed], voucher, record, links: [] };
}

function originOf({ grant, links }: Handover, { maker, giver, link }: Arrival): OriginFact {
  return {
    maker: toBase64Url(maker),
    giver: toBase64Url(giver),
    idevid: grant.idevid.map(toBase64Url),
    voucher: toBase64Url(grant.voucher),
    record: toBase64Url(grant.record),
    links: links.map(toBase64Url),
    level: link.value.level,
  };
}

/** The fleet that a link names: its id is where the hash begins. */
function ownerOf(link: Base64Url): Base64Url {
  const { owner } = Voucher.decode(parseEnvelope(fromBase64Url(link)).payload);
  return toBase64Url(owner.slice(0, 16));
}

/** Authorities of a fleet, from version 1 on; none for one that was never heard of. */
function chainOf(
  { authorities, owners }: FleetView,
  fleet: Base64Url,
  own: Base64Url,
): readonly Uint8Array[] {
  if (fleet !== own) return (owners.get(fleet) ?? []).map(fromBase64Url);
  return [...authorities.values()].flatMap(({ signed }) =>
    signed === undefined ? [] : [fromBase64Url(signed)],
  );
}

function foundingOf({ authorities }: FleetView): Uint8Array {
  const founding = authorities.get(1)?.signed;
  if (founding === undefined) throw new Error("a fleet that is open was founded");
  return fromBase64Url(founding);
}
