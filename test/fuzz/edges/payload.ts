/** Everything that takes bytes and decodes them: most inputs go here, where one costs least. */
import { type Edge, type Input, Unacceptable } from "../edge.js";
import { birthTargets } from "../payload/birth-targets.js";
import { chainTargets } from "../payload/chain-targets.js";
import { decoderTargets } from "../payload/decoder-targets.js";
import { deviceTargets } from "../payload/device-targets.js";
import { fleetTargets } from "../payload/fleet-targets.js";
import { ledgerTargets } from "../payload/ledger-targets.js";
import type { Target } from "../payload/target.js";
import { makeWorld } from "../payload/world.js";

export const payloadEdge: Edge = {
  name: "payload",
  async open() {
    const world = await makeWorld();
    const targets = [
      ...fleetTargets(world),
      ...deviceTargets(world),
      ...birthTargets(world),
      ...decoderTargets(world),
      ...chainTargets(world),
      ...ledgerTargets(),
    ];
    const shares = inShares(targets);
    return {
      draw(draw): Input {
        const target = shares[draw(shares.length)]!;
        return { target: target.name, parts: [target.draw(draw)] };
      },
      attempt({ target: name, parts: [bytes = new Uint8Array()] }) {
        const target = targets.find((one) => one.name === name);
        if (!target) throw new Unacceptable(`there is no target ${name}`);
        return target.attempt(bytes);
      },
      close: () => Promise.resolve(),
    };
  },
};

/** Each target as often as its share says, to the tenth. */
function inShares(targets: readonly Target[]): readonly Target[] {
  return targets.flatMap((target) => Array.from({ length: Math.round(target.share * 10) }, () => target));
}
