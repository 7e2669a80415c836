/** A device changes its owner, by file: what the giver, the taker and the device do. */
import { fromBase64Url } from "../../../fleet/events.js";
import { handoverOf, ownerIn, takeDevice } from "../../../fleet/transfers.js";
import { splitBundle } from "../../../protocol/bundle.js";
import { EnrollRequest } from "../../../protocol/certify.js";
import type { FleetNode } from "../../../simulators/world/fleet-node.js";
import type { Try } from "./attempts.js";
import type { Camera } from "./camera.js";
import { HOUR_MS, type Yard } from "./yard.js";

export async function sold(yard: Yard): Promise<Try> {
  const buyer = await opened(yard);
  return async (camera) => {
    const refused = await give(yard, camera, yard.world.fleet, buyer);
    return refused ?? `sold; LDevID ${askedFor(camera)}`;
  };
}

export async function soldAndBack(yard: Yard): Promise<Try> {
  const buyer = await opened(yard);
  const { fleet } = yard.world;
  return async (camera) => {
    const refused = await give(yard, camera, fleet, buyer);
    if (refused !== undefined) return refused;
    return (await give(yard, camera, buyer, fleet)) ?? `back; LDevID ${askedFor(camera)}`;
  };
}

/** Another fleet, with a gateway. */
async function opened({ world }: Yard): Promise<FleetNode> {
  const buyer = await world.addFleet("buyer");
  await world.addGateway({}, buyer);
  return buyer;
}

/** @returns why not, if so. */
async function give(yard: Yard, camera: Camera, from: FleetNode, to: FleetNode): Promise<string | undefined> {
  const { world } = yard;
  const { number, device, node } = camera;
  const founding = fromBase64Url(to.view.authorities.get(1)?.signed ?? "");
  const owner = ownerIn(founding, from.service);
  const refused = await yard.asked({ kind: "give", numbers: [number], owner, reason: "sold" }, from);
  if (refused !== undefined) return `not given away: ${refused}`;
  const handover = handoverOf(from.service, number);
  if (!handover) throw new Error("there is no hand-over");
  const maker = world.fleet.service.trust.fleetId;
  const order = { handover, from: from.service.trust.fleetId, maker };
  const take = () => takeDevice(to.service, to.station, order, "operator");
  const taken = await world.perform(to.name, "takes it", take);
  camera.answers.clear();
  for (const item of splitBundle(taken.arrival)) device.receive(item);
  node.number = taken.device.number;
  await world.until(() => device.number === node.number, "it knows its new owner", HOUR_MS);
  await world.runFor(HOUR_MS);
  return undefined;
}

function askedFor({ answers }: Camera): string {
  return answers.get(EnrollRequest.type) ?? "not asked for";
}
