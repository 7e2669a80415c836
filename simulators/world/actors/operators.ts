/** What the owner's people ask of their fleet. */
import { type AuthorityChanges, draftNext } from "../../../fleet/ceremony-next.js";
import { encodeDraft, signAuthority } from "../../../fleet/ceremony-signing.js";
import type { Act } from "../../../fleet/events.js";
import { toBase64Url } from "../../../fleet/events.js";
import type { Refusal } from "../../../fleet/refusal.js";
import { TICKET_BYTES } from "../../../device/ticket.js";
import type { DeviceNode } from "../device-node.js";
import type { Luck } from "../random.js";
import type { Plays, Scene } from "./scene.js";

const REASON = "as the plan has it";

export const OPERATORS: Plays<
  | "hold"
  | "release"
  | "revoke"
  | "advise"
  | "unadvise"
  | "count"
  | "authority"
  | "rotate"
  | "vouch"
  | "readmit"
  | "ticket"
> = {
  hold: (scene, { devices, level }) =>
    ask(scene, { kind: "hold", numbers: numbersAt(scene, devices), level, reason: REASON }),
  release: (scene, { devices, level }) =>
    ask(scene, { kind: "release", numbers: numbersAt(scene, devices), level, reason: REASON }),
  revoke: (scene, { device }) =>
    ask(scene, { kind: "hold", numbers: numbersAt(scene, [device]), level: "revoked", reason: REASON }),
  advise: (scene, { level, match }) =>
    ask(scene, { kind: "advise", numbers: [], level, match, reason: REASON }),
  unadvise(scene, { entry }) {
    const { fleet } = scene.world;
    const active = fleet.isRunning ? fleet.view.advisories.active : [];
    const chosen = active[entry % active.length];
    if (!chosen) return "there was none";
    return ask(scene, { kind: "unadvise", numbers: [], id: chosen.id, reason: REASON });
  },
  count: (scene, { device, count }) =>
    ask(scene, { kind: "count", numbers: numbersAt(scene, [device]), count, reason: REASON }),
  authority: (scene, { terms }) => changeAuthority(scene, { terms }),
  rotate(scene, { role }) {
    const { fleet } = scene.world;
    if (!fleet.isRunning) return "nobody there";
    scene.oldKeys.push({ role, signer: fleet.keys[role] });
    const { publicKey } = fleet.stageKey(role);
    return changeAuthority(scene, { roles: { [role]: { keys: [publicKey], threshold: 1 } } });
  },
  vouch: (scene, { device }) =>
    ask(scene, { kind: "vouch", numbers: numbersAt(scene, [device]), reason: REASON }),
  readmit: (scene, { device }) =>
    ask(scene, { kind: "readmit", numbers: numbersAt(scene, [device]), reason: REASON }),
  async ticket(scene, { id, device, afterMs }, luck) {
    const node = scene.device(device);
    const { outcome, ticket } = await giveTicket(scene, node, luck);
    if (ticket)
      scene.after(afterMs, id, node.name, async () => {
        await node.device?.reenroll(ticket);
        return node.device ? "tried" : "was off";
      });
    return outcome;
  },
};

/** What every Authority keeps where nothing is said. */
const NO_CHANGES = { roles: {}, terms: [], cas: {}, keep: "factory", replaceRoot: false } as const;

/** The next Authority, signed by the root key. */
export async function changeAuthority(scene: Scene, changes: Partial<AuthorityChanges>): Promise<string> {
  const { fleet } = scene.world;
  if (!fleet.isRunning) return "nobody there";
  const { service, keys } = fleet;
  const { crypto, entropy } = service.options;
  const now = service.now();
  const all = { ...NO_CHANGES, timeBase: now, x509Root: keys["x509-root"], ...changes };
  const draft = encodeDraft(draftNext(service.trust, all, { crypto, entropy, now }));
  await service.installAuthority(signAuthority(draft, keys.root, service.trust, crypto), "operator");
  return "installed";
}

/** @returns a new ticket for it, where an operator and a second one agreed. */
export async function giveTicket(
  scene: Scene,
  node: DeviceNode,
  luck: Luck,
): Promise<{ readonly outcome: string; readonly ticket?: Uint8Array }> {
  const ticket = luck.bytes(TICKET_BYTES);
  const key = toBase64Url(scene.crypto.publicKey({ algorithm: "Ed25519", secret: ticket }).bytes);
  const numbers = node.number === undefined ? [] : [node.number];
  const outcome = await ask(scene, { kind: "ticket", numbers, key, reason: REASON });
  return outcome === "done" ? { outcome, ticket } : { outcome };
}

/** @returns "done", or why not. */
export async function ask({ world: { fleet } }: Scene, act: Act): Promise<string> {
  if (!fleet.isRunning) return "nobody there";
  return outcomeOf(await fleet.act(act));
}

function outcomeOf(refusal: Refusal | undefined): string {
  return refusal ? `refused: ${refusal.code}` : "done";
}

function numbersAt(scene: Scene, places: readonly number[]): readonly number[] {
  const numbers = places.flatMap((place) => scene.device(place).number ?? []);
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}
