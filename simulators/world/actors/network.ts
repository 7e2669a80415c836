/** What goes wrong between nodes. */
import type { Plays } from "./scene.js";

export const NETWORK: Plays<"partition" | "storm" | "break"> = {
  partition(scene, { id, devices, gateways, forMs, way, fleet }) {
    const { network, fleet: service } = scene.world;
    const names = (nodes: readonly { readonly name: string }[]) => nodes.map(({ name }) => name);
    const below = names(
      fleet ? gateways.map((place) => scene.gateway(place)) : devices.map((place) => scene.device(place)),
    );
    const above = fleet ? [service.name] : names(gateways.map((place) => scene.gateway(place)));
    const [from, to] = way === "down" ? [above, below] : [below, above];
    const cut = network.cut(from, to, way !== undefined);
    scene.after(forMs, id, "network", () => {
      network.heal(cut);
      return "over";
    });
    return "begun";
  },
  storm(scene, { id, latencyMs, breaks, forMs }) {
    const { network } = scene.world;
    network.weather = { latencyMs, breaks };
    scene.after(forMs, id, "network", () => {
      network.weather = scene.plan.weather;
      return "over";
    });
    return "begun";
  },
  break(scene, { device, knows }) {
    const node = scene.device(device);
    scene.world.network.break(node.name, knows);
    return node.device ? "done" : "was off";
  },
};
