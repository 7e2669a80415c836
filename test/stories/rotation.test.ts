/** Every key of a fleet is replaced while a device is away: it walks the chain of Authorities home by itself (P9). */
import { afterEach, expect, test } from "vitest";
import type { GatewayEvent } from "../../broker/events.js";
import type { Transport } from "../../device/ports.js";
import { fromBase64Url } from "../../fleet/events.js";
import type { FleetKeyName } from "../../fleet/fleet-keys.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Authority } from "../../protocol/authority.js";
import { AuthorityReply } from "../../protocol/authority-links.js";
import { looksSigned, parseEnvelope } from "../../protocol/cose.js";
import { reopenEnvelope, sealEnvelope } from "../../protocol/envelope.js";
import { decodeFrame, encodeFrame, frameType } from "../../protocol/frame.js";
import type { Radio } from "../../simulators/voyage/radio.js";
import type { Aboard, Sailor } from "./aboard.js";
import { bring, handOver, questionOf } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { softSigner } from "./soft-keys.js";

/** One link for each; with every key of the fleet, the service CA and the root keys twice. */
const ROTATIONS: readonly (readonly FleetKeyName[])[] = [
  ["hold"],
  ["service-ca"],
  ["release"],
  ["lease"],
  ["root"],
  ["ledger"],
  ["factory", "factory-ca"],
  ["transfer"],
  ["device-ca"],
  ["x509-root"],
  ["service-ca"],
  ["root", "hold", "lease"],
];
const NEWEST = 1 + ROTATIONS.length;

let harbor: Harbor;
/** What the way to a device makes of the links that it asks for. */
let bend: (links: readonly Uint8Array[]) => readonly Uint8Array[] = (links) => links;
const bending = {
  wrap: (radio: Radio): Transport => ({
    connect: (fleetId, door, events) =>
      radio.connect(fleetId, door, { ...events, received: (bytes) => events.received(bent(bytes)) }),
  }),
};
function bent(bytes: Uint8Array): Uint8Array {
  if (looksSigned(bytes) || frameType(bytes) !== AuthorityReply.type) return bytes;
  const { newest, links } = decodeFrame(AuthorityReply, bytes);
  return encodeFrame(AuthorityReply, { newest, links: bend(links) });
}
afterEach(async () => {
  bend = (links) => links;
  await harbor.close();
});

/** Off since before the first rotation, and for so long that its LDevID has ended. */
async function awayFor(rotations: readonly (readonly FleetKeyName[])[]): Promise<Aboard> {
  harbor = await Harbor.open();
  const camera = await harbor.working();
  await harbor.hold([camera.number], "restrict");
  await until(() => camera.device.standing === "restrict", "the device is held");
  await harbor.stop(camera);
  await harbor.release([camera.number]); // under keys that nobody will know when it comes back
  await harbor.act({ kind: "advise", numbers: [], match: "number = 999", level: "observe", reason: "other" });
  for (const keys of rotations) {
    await harbor.passDays(10);
    await harbor.rotate({ keys });
  }
  await harbor.observe();
  camera.events.length = 0;
  return camera;
}

const valueOf = (link: Uint8Array): Authority => Authority.decode(parseEnvelope(link).payload);

const authorityOf = async ({ store }: Aboard): Promise<number> => {
  const bytes = (await store.load())?.record.authority;
  return bytes ? reopenEnvelope(Authority, bytes, nodeCrypto).value.version : 0;
};

const reaches = (aboard: Aboard, version: number) =>
  until(async () => (await authorityOf(aboard)) === version, `it has stored Authority ${version}`);

/** Each attempt to connect: through which door it came in, or why it left. */
const connections = ({ events }: Aboard): readonly string[] =>
  events.flatMap((e) => (e.type === "connected" ? [e.door] : e.type === "server-refused" ? [e.why] : []));

test("P9: a device that missed 12 rotations comes home in one go, and works", async () => {
  const camera = (await awayFor(ROTATIONS)) as Sailor;
  await harbor.start(camera);
  await harbor.speaking(camera);
  // Refused; links; its LDevID is nobody's any more; as who it is from birth; with its new LDevID.
  expect(connections(camera)).toEqual(["chain", "lobby", "front", "front", "front"]);
  expect(await authorityOf(camera)).toBe(NEWEST);
  expect(camera.device.standing).toBe("none"); // the release that it missed
  expect(camera.events.filter(({ type }) => type === "refused")).toEqual([]);
  await harbor.hold([camera.number], "isolate");
  await until(() => camera.device.standing === "isolate", "the new hold key counts");
});

test("P9: a link that is missing, or forged, is named and refused; the device keeps what is proven, and tries again", async () => {
  // Before it has the last one, no gateway proves itself to it.
  const names = ["hold", "release", "lease", "root", "ledger", "service-ca"] as const;
  const camera = (await awayFor(names.map((name) => [name]))) as Sailor;
  const refusals = () => camera.events.flatMap((e) => (e.type === "refused" ? [`${e.code}: ${e.text}`] : []));
  bend = (links) => links.filter((link) => valueOf(link).version !== 5);
  await harbor.start(camera, bending);
  await until(() => refusals().length > 0, "it refuses what does not follow");
  expect(refusals()[0]).toBe("out-of-range: authority link 5 is missing: version 6 came instead");
  expect(await authorityOf(camera)).toBe(4);

  const forger = softSigner();
  const forge = (link: Uint8Array) => {
    if (valueOf(link).version !== 5) return link;
    return sealEnvelope(Authority, valueOf(link), forger, harbor.service.trust.fleetId, nodeCrypto);
  };
  bend = (links) => links.map(forge);
  const before = refusals().length;
  await until(() => refusals().length > before, "it refuses what nobody of the fleet signed");
  expect(refusals().at(-1)).toContain("wrong-key: authority link 5: ");
  expect(await authorityOf(camera)).toBe(4);
  expect(connections(camera)).not.toContain("front");

  bend = (links) => links;
  await harbor.speaking(camera);
  expect(await authorityOf(camera)).toBe(7);
});

test("P2: a device that is connected takes each link while it works, and stays connected", async () => {
  harbor = await Harbor.open();
  const camera = await harbor.working(bending);
  const before = connections(camera).length;
  bend = () => []; // nobody gets any by asking
  for (const name of ["hold", "lease", "ledger", "root"] as const) await harbor.rotate({ keys: [name] });
  await harbor.hold([camera.number], "observe");
  await until(() => camera.device.standing === "observe", "a directive of the new hold key counts");
  await reaches(camera, 5);
  await harbor.speaking(camera);
  expect(connections(camera)).toHaveLength(before);
});

test("P10: when its CA is replaced, the gateway has a new certificate at once, and so have its devices soon", async () => {
  harbor = await Harbor.open();
  const camera = await harbor.working();
  const certified = () => harbor.gatewayEvents.filter(({ type }) => type === "certified").length;
  const before = certified();
  await harbor.rotate({ keys: ["service-ca"] });
  await until(() => certified() > before, "the gateway has a certificate of the new CA");
  await reaches(camera, 2);
  await harbor.stop(camera);
  camera.events.length = 0;
  await harbor.start(camera);
  await harbor.speaking(camera);
  expect(connections(camera)).toEqual(["front"]); // it took the link while it was connected
  await harbor.rotate({ keys: ["device-ca"] });
  await harbor.speaking(camera);
  const issued = harbor.events.filter((e) => e.type === "certificate-issued" && e.number === camera.number);
  expect(issued.map((e) => e.type === "certificate-issued" && e.via)).toEqual(["enroll", "return"]);
});

test("P9: after the operators' keys were replaced, who missed what the old ones signed works all the same", async () => {
  harbor = await Harbor.open({ production: true });
  const advise = { kind: "advise", numbers: [], reason: "recalled", level: "isolate" } as const;
  const [missed, lifted, gone] = [await harbor.working(), await harbor.working(), await harbor.working()];
  const newborn = await harbor.bear();
  await harbor.act({ ...advise, match: `number = ${missed.number}` });
  await until(() => missed.device.standing === "isolate", "the advisory holds it");
  await harbor.hold([lifted.number], "isolate");
  await until(() => lifted.device.standing === "isolate", "the directive holds it");
  for (const sailor of [missed, lifted, gone]) await harbor.stop(sailor);
  await harbor.act({ kind: "unadvise", numbers: [], id: 1, reason: "mended" });
  await harbor.release([lifted.number]);
  await harbor.hold([gone.number], "revoked");
  const old = signatures();
  await harbor.rotate({ keys: ["release"] });

  await harbor.start(newborn);
  await harbor.speaking(newborn);
  await harbor.working(); // born later

  // Levels are kept: what held a device that missed its release, or the end of an advisory, holds it until the next one.
  for (const sailor of [missed, lifted]) {
    sailor.events.length = 0;
    await harbor.start(sailor);
    await until(() => sailor.events.some(({ type }) => type === "leased"), "its lease counts");
    expect(sailor.device.standing).toBe("isolate");
    await harbor.release([sailor.number]);
    await until(() => sailor.device.standing === "none", "a release by the new keys frees it");
    await harbor.speaking(sailor);
  }

  // Nobody can tell it that it is revoked, and everybody refuses it.
  gone.events.length = 0;
  await harbor.start(gone);
  const seen = (e: GatewayEvent) => e.type === "opened" && e.number === gone.number && e.reason === "revoked";
  await until(() => harbor.gatewayEvents.some(seen), "the gateway lets it in for nothing");
  void gone.device.publish("temperature", Uint8Array.of(1)).catch(() => undefined);
  await handOver(gone, ...(await bring(harbor.service, (await questionOf(gone)).question)));
  await harbor.speaking(lifted);
  expect(gone.events.map(({ type }) => type)).not.toContain("leased");
  expect(harbor.service.view.devices.get(gone.number)?.level).toBe("revoked");
  expect([...harbor.service.view.denied]).toEqual([gone.number]);
  expect(harbor.messagesFrom(gone)).toEqual([]);

  const everything = [missed, lifted, gone].flatMap(({ events }) => events);
  expect(everything.filter(({ type }) => type === "refused")).toEqual([]);
  for (const bytes of old) await handOver(missed, bytes);
  expect(missed.events.filter(({ type }) => type === "refused")).toHaveLength(old.length);
});

/** All that the operators have signed until now. */
function signatures(): readonly Uint8Array[] {
  const types = ["release-issued", "advisories-removed"];
  return harbor.events.flatMap(({ type, signed }) =>
    types.includes(type) && signed !== undefined ? [fromBase64Url(signed)] : [],
  );
}
