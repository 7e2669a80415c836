/** Devices that change their owner: what may be given away, and what is recorded of one that comes. */
import { equalBytes } from "../protocol/bytes.js";
import { parseEnvelope } from "../protocol/cose.js";
import { atLeast, higherLevel, type Level } from "../protocol/level.js";
import { MAX_TRANSFERS, type Voucher } from "../protocol/voucher.js";
import { type Act, type Base64Url, type Fact, type FactOf, fromBase64Url, toBase64Url } from "./events.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { inForce } from "./registry-acts.js";
import { birthFacts, type ImportRequest } from "./registry-certify.js";
import { type ActView, type DeviceView, type FleetView, numbersOfHardware } from "./view.js";

/** A device that another owner gave, by a hand-over that was verified, under papers of this fleet. */
export interface TakeRequest {
  readonly type: "take";
  readonly birth: ImportRequest["birth"];
  /** Chains of Authorities of its earlier owners, as far as they are known now. */
  readonly owners: readonly { readonly fleet: Base64Url; readonly links: readonly Base64Url[] }[];
}

/** A link of a voucher that the holders of the transfer keys signed. `signed`: the envelope. */
interface LinkRequest {
  readonly value: Voucher;
  readonly signed: Base64Url;
}

type Give = Extract<Act, { readonly kind: "give" }>;

/** Why this device cannot be given away now. */
export function problemWithGiving(view: FleetView, { numbers }: Give): string | undefined {
  const device = view.devices.get(numbers[0] ?? 0);
  if (!device || device.level === "revoked") return "a device that is revoked for good changes no owner";
  const { number, transferred } = device;
  if (transferred) return `device ${number} was given away already`;
  return placeInChain(device) < MAX_TRANSFERS
    ? undefined
    : `device ${number} has had ${MAX_TRANSFERS + 1} owners, the most that a voucher has room for`;
}

/** The request to give this device to that owner, unless it ran out: asking twice is asking once. */
export function giftOf(view: FleetView, number: number, owner: Base64Url, now: number): ActView | undefined {
  const isMeant = ({ act }: ActView) =>
    act.kind === "give" && act.owner === owner && act.numbers.includes(number);
  const lasts = (filed: ActView) => inForce(filed) || now <= (filed.expiresAt ?? now);
  return [...view.acts.values()].findLast((filed) => isMeant(filed) && lasts(filed));
}

/**
 * A link that was signed elsewhere gives its device away if somebody asked for just that, and it says no less
 * than what stands by now (P7). Brought again, it changes nothing.
 */
export function decideLink(view: FleetView, { value, signed }: LinkRequest, context: Context): Decision {
  const device = deviceIn(view, value, context);
  if (!device) return refuse("not-found", "there is no device of this hardware and key");
  const { number, transferred } = device;
  const said = { owner: toBase64Url(value.owner), index: value.index, level: value.level };
  const isKnown = transferred?.owner === said.owner && transferred.index === said.index;
  if (isKnown && transferred.level === said.level) return accept();
  const gift = giftOf(view, number, said.owner, context.now);
  if (gift?.act.kind !== "give")
    return refuse("conflict", `nobody asks to give device ${number} to this owner: daymark transfer give`);
  const problem = problemWithGiving(view, gift.act);
  if (problem) return refuse("conflict", problem);
  const next = transferFact(view, device, gift.act, gift.id, context);
  if (value.index !== next.index || !value.previous || toBase64Url(value.previous) !== next.previous)
    return refuse("conflict", `link ${value.index} does not follow the voucher of device ${number}`);
  if (!atLeast(value.level, next.level))
    return refuse("conflict", `device ${number} is at ${next.level} by now: draw the link up again`);
  return accept({ ...next, level: value.level, signed });
}

/** The device that a link is about, the last one to be so. */
function deviceIn(
  view: FleetView,
  { hardwareId, deviceKey }: Voucher,
  { crypto }: Context,
): DeviceView | undefined {
  const named = toBase64Url(deviceKey);
  return (view.numberByHardware.get(toBase64Url(hardwareId)) ?? [])
    .flatMap((number) => view.devices.get(number) ?? [])
    .findLast(({ birth }) => toBase64Url(crypto.sha256(fromBase64Url(birth.key.bytes))) === named);
}

/** The next link of its voucher: with the standing that its hardware has here (P7). */
export function transferFact(
  view: FleetView,
  device: DeviceView,
  { owner }: Give,
  act: string,
  { crypto }: Context,
): FactOf<"device-transferred"> {
  const { number, hardwareId, birth } = device;
  const hash = (bytes: Uint8Array) => toBase64Url(crypto.sha256(bytes));
  const levels = numbersOfHardware(view, number).map((each) => view.devices.get(each)?.level ?? "none");
  return {
    type: "device-transferred",
    number,
    hardwareId,
    deviceKey: hash(fromBase64Url(birth.key.bytes)),
    previous: hash(parseEnvelope(fromBase64Url(birth.voucher)).payload),
    owner,
    index: placeInChain(device) + 1,
    level: levels.reduce<Level>(higherLevel, "none"),
    act,
  };
}

/** Where the voucher of a device stands in the chain of owners. */
function placeInChain({ birth }: DeviceView): number {
  return birth.origin?.links.length ?? 0;
}

/**
 * The device with this hardware and key that is a member now, or was the last one to be.
 * @param key - of its IDevID.
 */
export function newestWith(view: FleetView, hardwareId: Base64Url, key: Uint8Array): DeviceView | undefined {
  return (view.numberByHardware.get(hardwareId) ?? [])
    .flatMap((number) => view.devices.get(number) ?? [])
    .findLast((device) => equalBytes(fromBase64Url(device.birth.key.bytes), key));
}

/** One record: the device, and what is new about the owners before. */
export function decideTake(view: FleetView, { birth, owners }: TakeRequest, context: Context): Decision {
  const { number, hardwareId, key, origin } = birth;
  const before = newestWith(view, hardwareId, fromBase64Url(key.bytes));
  if (view.devices.has(number) || !origin) return refuse("conflict", `number ${number} is taken; try again`);
  if (before && !before.transferred)
    return refuse("conflict", `this device is number ${before.number} here, and was not given away`);
  if (before && placeInChain(before) >= origin.links.length)
    return refuse(
      "conflict",
      `this hand-over is older than what was decided here about device ${before.number}`,
    );
  const grown = owners.filter(({ fleet, links }) => links.length > (view.owners.get(fleet)?.length ?? 0));
  const known = grown.map((owner): Fact => ({ type: "owner-known", ...owner }));
  return accept(...known, ...birthFacts(view, birth, context));
}
