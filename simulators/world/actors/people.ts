/** What happens by hand: births at a station, meetings of devices, and sticks that are carried. */
import { exportFor, takeItem } from "../../../fleet/bundles.js";
import { exchangeOverStream, type ExchangeReport } from "../../../device/adapters/peer-stream.js";
import type { PeerVerdict } from "../../../device/peers.js";
import type { DeviceNode } from "../device-node.js";
import { streamPair } from "../adapters/stream-pair.js";
import { bear, stationElsewhere } from "./births.js";
import { joins } from "./routine.js";
import type { Plays, Scene } from "./scene.js";

export const PEOPLE: Plays<"birth" | "rebirth" | "meeting" | "stick"> = {
  birth(scene, { id, model }) {
    const node = scene.world.makeDevice({ model });
    bear(
      scene,
      node,
      id,
      () => scene.world.fleet.station,
      () => joins(scene, node),
    );
    return undefined;
  },
  async rebirth(scene, { id, device, keepsKeys }) {
    const node = scene.device(device);
    if (!node.device) return "was off";
    await node.stop();
    const erased = [...node.disk.image().keys()].filter((path) => !keepsKeys || !path.startsWith("/keys/"));
    node.disk.restore(new Map(), erased);
    const other = stationElsewhere(scene);
    bear(scene, node, id, () => (keepsKeys ? scene.world.fleet.station : other));
    return keepsKeys ? "state erased" : "all erased";
  },
  async meeting(scene, { one, other }) {
    const [a, b] = [scene.device(one), scene.device(other)];
    if (a === b || !a.device || !b.device) return "one was off";
    judge(scene, a, b);
    judge(scene, b, a);
    const [near, far] = streamPair();
    const [{ ended }] = await Promise.all([exchange(scene, a, near), exchange(scene, b, far)]);
    return ended;
  },
  async stick(scene, { id, device, outMs, backMs }) {
    const node = scene.device(device);
    const question = await node.device?.challenge();
    if (!question) return "was off";
    scene.after(outMs, id, "courier", async () => {
      const { fleet } = scene.world;
      if (!fleet.isRunning || node.number === undefined) return "nobody there";
      const { result, answers } = await takeItem(fleet.service, question, "courier");
      const items = [...exportFor(fleet.service, node.number), ...answers];
      scene.after(backMs, id, node.name, () => {
        for (const item of items) node.device?.receive(item);
        return node.device ? "brought back" : "was off";
      });
      return result;
    });
    return undefined;
  },
};

type Stream = ReturnType<typeof streamPair>[0];

/** One side of an exchange: what the device says that it holds is what is on its disk. */
export function exchange(scene: Scene, node: DeviceNode, stream: Stream): Promise<ExchangeReport> {
  const { device, clock } = node;
  if (!device || !clock) throw new Error("only a device that runs meets anybody");
  const nothing = () => Promise.reject(new Error("a meeting saves nothing by itself"));
  const store = { load: () => Promise.resolve(node.durable()), save: nothing, saveSession: nothing };
  return exchangeOverStream(device, stream, { store, bag: scene.bag(node), clock, crypto: scene.crypto });
}

/** What one makes of the other before it would let it do anything. */
function judge({ tally }: Scene, { device: judge }: DeviceNode, { device: peer }: DeviceNode): void {
  if (!judge || !peer) return;
  const { lease, tlsIdentity } = peer;
  const papers = { chain: tlsIdentity.chain, ...(lease && { lease }) };
  const { verdict }: PeerVerdict = judge.peerVerdict(papers, "reading");
  tally.count("verdict", verdict);
}
