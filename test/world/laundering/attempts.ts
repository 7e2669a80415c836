/** The ways by which a device could lose what holds it: the rows of the matrix. */
import { TICKET_BYTES } from "../../../device/ticket.js";
import { toBase64Url } from "../../../fleet/events.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { ReenrollRequest } from "../../../protocol/certify.js";
import { anotherStation, resetAll, resetState } from "./births.js";
import type { Camera } from "./camera.js";
import { restoreState } from "./holdings.js";
import { oldKeys } from "./old-keys.js";
import { soldAndBack, sold } from "./owners.js";
import { comeback, reenrollment, renewal } from "./requests.js";
import { DAY_MS, HOUR_MS, type Yard } from "./yard.js";

/** Tried on one camera. @returns what came of it, in a few words of the run. */
export type Try = (camera: Camera) => Promise<string>;

export interface Attempt {
  readonly name: string;
  /** What concerns all of them is done once, before the first try. */
  begin(yard: Yard): Try | Promise<Try>;
}

const LDEVID_DAYS = 30;
/** Two that have the same keys both sync in it, more than once. */
const TOGETHER_MS = 10 * 60_000;

export const ATTEMPTS: readonly Attempt[] = [
  {
    name: "renew",
    begin:
      ({ world }) =>
      (camera) =>
        camera.ask(renewal(world, camera)),
  },
  { name: "return", begin: returns },
  { name: "re-enroll with new keys, by a ticket", begin: reenroll },
  { name: "factory reset, keys kept", begin: resetState },
  { name: "factory reset, all erased", begin: resetAll },
  { name: "re-birth at another station", begin: anotherStation },
  { name: "owner transfer", begin: sold },
  { name: "owner transfer, there and back", begin: soldAndBack },
  { name: "restored image, whole", begin: restoresWhole },
  { name: "restored image, state alone", begin: restoresState },
  { name: "clone of an image from before", begin: clones },
  { name: "peer that repeats all it ever heard", begin: repeats },
  { name: "stick with an old release", begin: () => (camera) => camera.hears(camera.stick) },
  { name: "release by a rotated-out key", begin: oldKeys },
];

/** Their LDevIDs end while they are off. */
async function returns({ world, cameras, peer }: Yard): Promise<Try> {
  const nodes = [...cameras.map(({ node }) => node), peer];
  for (const node of nodes) await world.perform(node.name, "stops", () => node.stop());
  await world.runFor((LDEVID_DAYS + 1) * DAY_MS);
  for (const node of nodes) await world.perform(node.name, "starts", () => node.start());
  await world.runFor(HOUR_MS);
  return (camera) => camera.ask(comeback(world, camera));
}

/** What the device itself is told; where it does not ask, what somebody is told who has its ticket. */
function reenroll(yard: Yard): Try {
  const { world } = yard;
  return async (camera) => {
    const { number, device } = camera;
    const ticket = world.fortune.stream(`ticket/${number}`).bytes(TICKET_BYTES);
    const key = toBase64Url(nodeCrypto.publicKey({ algorithm: "Ed25519", secret: ticket }).bytes);
    const refused = await yard.asked({ kind: "ticket", numbers: [number], key, reason: "new board" });
    if (refused !== undefined) return `no ticket: ${refused}`;
    await world.perform(camera.node.name, "takes the ticket", () => device.reenroll(ticket));
    await world.runFor(HOUR_MS);
    return camera.answers.get(ReenrollRequest.type) ?? camera.ask(reenrollment(world, camera, ticket));
  };
}

/** Counter and keys too, so that the device cannot know. */
function restoresWhole({ world }: Yard): Try {
  return async (camera) => {
    await camera.stop();
    camera.node.disk.restore(camera.before);
    await camera.start();
    await world.runFor(DAY_MS);
    return alarmsOf(camera);
  };
}

function restoresState({ world }: Yard): Try {
  return async (camera) => {
    await camera.stop();
    restoreState(camera);
    await camera.start();
    await world.runFor(HOUR_MS);
    return alarmsOf(camera);
  };
}

function alarmsOf({ node }: Camera): string {
  const kinds = (node.durable()?.record.alarms ?? []).map(({ kind }) => kind);
  return kinds.length > 0 ? `alarm: ${[...new Set(kinds)].join(", ")}` : "no alarm";
}

function clones({ world }: Yard): Try {
  return async (camera) => {
    const copy = world.copyDevice(camera.node, `copy of ${camera.node.name}`);
    copy.disk.restore(camera.before);
    camera.machines.push(copy);
    await camera.start(copy);
    await world.runFor(TOGETHER_MS);
    // Each would go on pushing the other off its session.
    world.network.cut(
      [copy.name],
      world.gateways.map(({ name }) => name),
    );
    return alarmsOf(camera);
  };
}

/** To the fleet and to the device; its own words, and what the peer has. */
function repeats({ peer }: Yard): Try {
  return async (camera) => {
    const spoken = camera.said.slice(); // it goes on speaking
    for (const message of spoken) await camera.ask(message);
    return camera.hears([...camera.heard, ...(peer.device?.documents() ?? [])]);
  };
}
