/** Keys that an Authority has replaced, in the hands of somebody who kept them. */
import { exportFor } from "../../../fleet/bundles.js";
import { draftNext } from "../../../fleet/ceremony-next.js";
import { encodeDraft, signAuthority } from "../../../fleet/ceremony-signing.js";
import type { FleetKeys } from "../../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import { AdvisoryRemoval } from "../../../protocol/advisory.js";
import { parseEnvelope } from "../../../protocol/cose.js";
import { sealEnvelope } from "../../../protocol/envelope.js";
import { encodeFrame } from "../../../protocol/frame.js";
import { Lease } from "../../../protocol/lease.js";
import { Release } from "../../../protocol/release.js";
import { SyncReply, SyncRequest } from "../../../protocol/sync.js";
import { NO_VERSION, type Version } from "../../../protocol/version.js";
import type { World } from "../../../simulators/world/world.js";
import type { Try } from "./attempts.js";
import type { Camera } from "./camera.js";
import { HOUR_MS, type Yard } from "./yard.js";

const ROLES = ["hold", "release", "lease"] as const;
/** Above whatever the fleet has signed. */
const HIGH = 1_000;
const [GOOD_SECONDS, NEXT_SYNC_SECONDS] = [86_400, 3_600];

/** The fleet gets new keys for all that raises, lowers and lends; then somebody signs with the old ones. */
export async function oldKeys({ world }: Yard): Promise<Try> {
  const { keys } = world.fleet;
  await rotateKeys(world);
  await world.runFor(HOUR_MS);
  return async (camera) => {
    await camera.hears(exportFor(world.fleet.service, camera.number)); // one that is revoked is told of no link
    const codes = new Set<string>();
    const end = world.observe({
      deviceEvent: (node, event) =>
        node === camera.node && event.type === "refused" && void codes.add(event.code),
    });
    const { release, items } = await forgedFreedom(world, camera, keys);
    const heard = await camera.hears(items);
    end();
    const told = await camera.ask(release);
    return codes.size > 0 && heard !== "taken"
      ? `refused: ${[...codes].join(", ")}; by the fleet, ${told}`
      : heard;
  };
}

async function rotateKeys(world: World): Promise<void> {
  const { fleet } = world;
  const { service, keys } = fleet;
  const { crypto, entropy } = service.options;
  const roles = Object.fromEntries(
    ROLES.map((role) => [role, { keys: [fleet.stageKey(role).publicKey], threshold: 1 }]),
  );
  const now = service.now();
  const same = { terms: [], cas: {}, keep: "factory", replaceRoot: false } as const;
  const changes = { ...same, roles, timeBase: now, x509Root: keys["x509-root"] };
  const draft = encodeDraft(draftNext(service.trust, changes, { crypto, entropy, now }));
  const link = signAuthority(draft, keys.root, service.trust, crypto);
  await world.perform("operators", "rotate keys", () => service.installAuthority(link, "operator"));
}

/**
 * All that would free the camera if the old keys still counted: a release, a removal of every advisory, and a
 * lease that names both and answers the camera's own question.
 */
async function forgedFreedom(
  { fleet }: World,
  camera: Camera,
  old: FleetKeys,
): Promise<{ readonly release: Uint8Array; readonly items: readonly Uint8Array[] }> {
  const { number: subject, node } = camera;
  const { nonce, holds } = SyncRequest.decode(parseEnvelope(await camera.question()).payload);
  const { trust, view } = fleet.service;
  const { terms } = trust.authority.value;
  const now = fleet.service.now();
  const of = (term: number): Version => [term, HIGH];
  const [release, removals] = [of(terms.directive), of(terms.advisory)];
  const ids = view.advisories.active.map(({ id }) => id);
  const alarms = (node.durable()?.record.alarms ?? []).map(({ id }) => id);
  const freed = sealEnvelope(
    Release,
    {
      subject,
      version: release,
      level: "none",
      issuedAt: now,
      ...(alarms.length > 0 && { clearedAlarms: alarms }),
    },
    old.release,
    trust.fleetId,
    nodeCrypto,
  );
  const all = { version: removals, ids: [1, ...ids].toSorted((a, b) => a - b), issuedAt: now };
  const removed = sealEnvelope(AdvisoryRemoval, all, old.release, trust.fleetId, nodeCrypto);
  const required = {
    authority: holds.authority.version,
    ledger: NO_VERSION,
    advisories: NO_VERSION,
    removals,
    directive: NO_VERSION,
    release,
    level: "none",
  } as const;
  const lent = {
    subject,
    nonce,
    required,
    time: [terms.time, now] as const,
    goodUntil: now + GOOD_SECONDS,
    nextSyncSeconds: NEXT_SYNC_SECONDS,
  };
  const lease = sealEnvelope(Lease, lent, old.lease, trust.fleetId, nodeCrypto);
  const reply = encodeFrame(SyncReply, { nonce, lease, documents: [freed, removed] });
  return { release: freed, items: [freed, removed, reply] };
}
