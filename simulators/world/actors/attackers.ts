/** Who is against the owner: with what they recorded, copied or stole, and with keys of their own. */
import { Directive } from "../../../protocol/directive.js";
import type { Signer } from "../../../protocol/crypto.js";
import { sealEnvelope } from "../../../protocol/envelope.js";
import type { HoldLevel } from "../../../protocol/level.js";
import { Release } from "../../../protocol/release.js";
import type { Version } from "../../../protocol/version.js";
import { nextVersion } from "../../../fleet/view.js";
import { streamPair } from "../adapters/stream-pair.js";
import type { DeviceNode } from "../device-node.js";
import type { Luck } from "../random.js";
import { exchange } from "./people.js";
import { switchOn } from "./machines.js";
import type { Plays, Scene } from "./scene.js";

/** More than any peer may send. */
const HUGE_BYTES = 5 * 1024 * 1024;
const FLEET_ID_BYTES = 16;
/** How far ahead of what the fleet has signed a forger goes, to be the newest. */
const AHEAD = 5;

export const ATTACKERS: Plays<
  "replay" | "forge" | "foreign" | "old-key" | "stolen-hold" | "clone" | "bad-peer"
> = {
  replay(scene, { device, items }, luck) {
    const node = scene.device(device);
    const recorded = Array.from({ length: items }, () => scene.recordings.down(luck));
    return send(scene, node, recorded, luck);
  },
  forge(scene, { device, items }, luck) {
    const node = scene.device(device);
    const recorded = Array.from({ length: items }, () => scene.recordings.down(luck));
    return send(
      scene,
      node,
      recorded.map((bytes) => bytes && turned(bytes, luck)),
      luck,
    );
  },
  foreign(scene, { device }, luck) {
    const node = scene.device(device);
    const facts = factsAbout(scene, node, AHEAD);
    if (!facts) return "nobody there";
    const { crypto } = scene;
    const secret = crypto.generate(scene.plan.algorithm, (size) => luck.bytes(size));
    const stranger = {
      publicKey: crypto.publicKey(secret),
      sign: (text: Uint8Array) => crypto.sign(secret, text),
    };
    const elsewhere = { ...facts, fleetId: luck.bytes(FLEET_ID_BYTES) };
    const { hold, release } = scene.world.fleet.keys;
    const forged = [
      directive(scene, facts, stranger, "isolate"),
      releaseTo(scene, facts, stranger),
      directive(scene, elsewhere, hold, "isolate"),
      releaseTo(scene, elsewhere, release),
    ];
    return send(scene, node, forged, luck);
  },
  "old-key"(scene, { device }, luck) {
    const node = scene.device(device);
    const facts = factsAbout(scene, node, AHEAD);
    const old = scene.oldKeys[0];
    if (!facts || !old) return "there is none";
    const made =
      old.role === "release"
        ? releaseTo(scene, facts, old.signer)
        : directive(scene, facts, old.signer, "isolate");
    return send(scene, node, [made], luck);
  },
  "stolen-hold"(scene, { device, level, ahead }, luck) {
    const node = scene.device(device);
    const facts = factsAbout(scene, node, ahead);
    if (!facts) return "nobody there";
    return send(scene, node, [directive(scene, facts, scene.world.fleet.keys.hold, level)], luck);
  },
  async clone(scene, { id, device, forMs }) {
    const node = scene.device(device);
    if (node.number === undefined) return "never born";
    const copy = scene.world.copyDevice(node, `${node.name}-${id}`);
    scene.world.note(node.name, `is copied to ${copy.name}`);
    scene.copies.add(copy);
    scene.after(forMs, id, copy.name, async () => {
      await retire(scene, copy);
      return "over";
    });
    await switchOn(scene, copy);
    return copy.trouble ? "did not start" : "begun";
  },
  async "bad-peer"(scene, { device, says }, luck) {
    const node = scene.device(device);
    if (!node.device) return "was off";
    const [near, far] = streamPair();
    far.on("error", () => undefined);
    far.resume();
    const exchanging = exchange(scene, node, near);
    for (const bytes of speech(scene, says, luck)) far.write(bytes);
    if (says !== "nothing") far.end();
    return `${says}: ${(await exchanging).ended}`;
  },
};

/** It is never switched on again. */
export async function retire({ copies }: Scene, copy: DeviceNode): Promise<void> {
  copies.delete(copy);
  await copy.stop();
  copy.number = undefined;
}

/** By the gateway where it has its session, and by hand. */
function send(
  { world }: Scene,
  { device, number }: DeviceNode,
  items: readonly (Uint8Array | undefined)[],
  luck: Luck,
): string {
  const byHand = luck.chance(0.5);
  for (const item of items) {
    if (!item) continue;
    if (byHand) device?.receive(item);
    else if (number !== undefined) for (const gateway of world.gateways) gateway.inject(number, item);
  }
  return device ? (byHand ? "by hand" : "by the gateway") : "was off";
}

interface About {
  readonly number: number;
  readonly version: Version;
  readonly issuedAt: number;
  readonly fleetId: Uint8Array;
}

/** What a forger needs to know to be believed; undefined while the fleet does not run. */
function factsAbout({ world: { fleet } }: Scene, { number }: DeviceNode, ahead: number): About | undefined {
  if (!fleet.isRunning || number === undefined) return undefined;
  const { service, view } = fleet;
  const known = view.devices.get(number);
  if (!known) return undefined;
  const [term, n] = nextVersion(known, service.trust.authority.value.terms.directive);
  return { number, version: [term, n - 1 + ahead], issuedAt: service.now(), fleetId: service.trust.fleetId };
}

function directive(
  { crypto }: Scene,
  { number: subject, version, issuedAt, fleetId }: About,
  signer: Signer,
  level: HoldLevel,
): Uint8Array {
  const value = { subject, version, level, reason: "stolen", lowestGeneration: 1, issuedAt };
  return sealEnvelope(Directive, value, signer, fleetId, crypto);
}

function releaseTo(
  { crypto }: Scene,
  { number: subject, version: [term, n], issuedAt, fleetId }: About,
  signer: Signer,
): Uint8Array {
  const value = { subject, version: [term, n + 1] as const, level: "none" as const, issuedAt };
  return sealEnvelope(Release, value, signer, fleetId, crypto);
}

/** One to three bits of it turn. */
function turned(bytes: Uint8Array, luck: Luck): Uint8Array {
  const copy = bytes.slice();
  for (let bits = luck.between(1, 3); bits > 0; bits--) {
    const at = luck.between(0, copy.length - 1);
    copy[at] = (copy[at] ?? 0) ^ (1 << luck.between(0, 7));
  }
  return copy;
}

function speech(
  { recordings }: Scene,
  says: "junk" | "old" | "huge" | "nothing",
  luck: Luck,
): readonly Uint8Array[] {
  if (says === "nothing") return [];
  if (says === "junk") return [luck.bytes(luck.between(1, 2_000))];
  if (says === "huge") return [new Uint8Array(HUGE_BYTES)];
  return recordings.documents();
}
