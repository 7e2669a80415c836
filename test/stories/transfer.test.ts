/** A device is sold, twice: three fleets with gateways of their own, and between them nothing but files (P3, P7). */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DeviceError } from "../../device/errors.js";
import { fromBase64Url } from "../../fleet/events.js";
import { handoverOf, ownerIn, takeDevice } from "../../fleet/transfers.js";
import { splitBundle } from "../../protocol/bundle.js";
import { equalBytes, utf8 } from "../../protocol/bytes.js";
import { looksSigned } from "../../protocol/cose.js";
import { type Aboard, type Sailor, withoutFirmware } from "./aboard.js";
import { handOver, noNetwork } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { bringSigned } from "./quorum.js";

const peerPolicy = { reading: { maxLedgerAgeSeconds: 7 * 86_400, whenStale: "closed" } } as const;

let [a, b, c] = [] as unknown as [Harbor, Harbor, Harbor];
beforeEach(async () => {
  [a, b, c] = await Promise.all([Harbor.open({ peerPolicy }), Harbor.open(), Harbor.open()]);
});
afterEach(async () => {
  await Promise.all([a, b, c].map((harbor) => harbor.close()));
});

/** The first Authority of a fleet, as it gives it to others. */
function authorityOf({ service }: Harbor): Uint8Array {
  return fromBase64Url(service.view.authorities.get(1)?.signed ?? "");
}

/** Two operators of `from` give the device away. @returns the file for the next owner. */
async function give(from: Harbor, to: Harbor, { number }: Aboard): Promise<Uint8Array> {
  const owner = ownerIn(authorityOf(to), from.service);
  await from.act({ kind: "give", numbers: [number], owner, reason: "sold with the boat" });
  const handover = handoverOf(from.service, number);
  if (!handover) throw new Error("there is no hand-over");
  return handover;
}

interface Arrival {
  readonly number: number;
  /** For the device. */
  readonly bundle: Uint8Array;
}

async function take(to: Harbor, from: Harbor, handover: Uint8Array, maker = from): Promise<Arrival> {
  const [giver, made] = [from, maker].map(({ service }) => service.trust.fleetId) as [Uint8Array, Uint8Array];
  const order = { handover, from: giver, maker: made };
  const { device, arrival } = await takeDevice(to.service, to.station, order, "admin");
  return { number: device.number, bundle: arrival };
}

const carry = (sailor: Sailor, bundle: Uint8Array) => handOver(sailor, ...splitBundle(bundle));

/** Sold: what has to be done on both sides and on the device, which then runs in the harbour of the new owner. */
async function sell(sailor: Sailor, from: Harbor, to: Harbor, maker = from) {
  const arrival = await take(to, from, await give(from, to, sailor), maker);
  await carry(sailor, arrival.bundle);
  expect(sailor.device.number).toBe(arrival.number);
  await from.stop(sailor);
  return { arrival, at: await switchOn(sailor, to, arrival.number) };
}

/** The same disk, in the harbour of its new owner. */
async function switchOn({ folder, store, keys }: Aboard, to: Harbor, number: number): Promise<Sailor> {
  const moved: Aboard = { number, folder, store, keys, events: [] };
  await to.start(moved);
  moored.push(moved);
  return moved as Sailor;
}

const moored: Aboard[] = [];
afterEach(async () => {
  for (const { device } of moored.splice(0)) await device?.close();
});

/** What was refused since the last look. */
function refusals({ events }: Aboard): readonly string[] {
  return events.splice(0).flatMap((event) => (event.type === "refused" ? [event.code] : []));
}

test("P3: sold from A to B and from B to C, it works at each; older papers are refused, after a reboot too", async () => {
  await b.bear(); // it will be number 2 there
  const camera = await a.working();
  const toB = await sell(camera, a, b);
  expect(toB.at.number).toBe(2);
  await b.speaking(toB.at);
  expect(b.service.view.devices.get(2)?.certificates).toHaveLength(1);
  const toC = await sell(toB.at, b, c, a);
  await c.speaking(toC.at);

  await c.stop(toC.at);
  await c.start(toC.at);
  refusals(toC.at);
  const [grantOfB] = splitBundle(toB.arrival.bundle).filter((item) => !looksSigned(item)) as [Uint8Array];
  const [grantOfC] = splitBundle(toC.arrival.bundle).filter((item) => !looksSigned(item)) as [Uint8Array];
  await handOver(toC.at, grantOfB, grantOfC);
  expect(refusals(toC.at)).toEqual(["wrong-key", "wrong-key"]);
  expect(toC.at.device.number).toBe(toC.arrival.number);
  await c.speaking(toC.at);
});

test("P7: held at isolate by A while it was dark, it stands so at B until B's own release and lease", async () => {
  const camera = await a.working();
  await a.stop(camera);
  await a.hold([camera.number], "isolate"); // the device cannot know
  const arrival = await take(b, a, await give(a, b, camera));
  await a.start(camera, { wrap: noNetwork });
  expect(camera.device.standing).toBe("none");
  await carry(camera, arrival.bundle);
  expect(camera.device.standing).toBe("isolate");
  await a.stop(camera);
  const atB = await switchOn(camera, b, arrival.number);
  expect(atB.device.standing).toBe("isolate");
  await until(() => atB.events.some(({ type }) => type === "leased"), "B has answered it");
  expect(atB.device.standing).toBe("isolate");
  expect(b.service.view.denied.has(arrival.number)).toBe(true);
  expect(b.service.view.devices.get(arrival.number)?.certificates).toEqual([]);
  await a.release([camera.number]); // A's release frees nobody at B
  await b.release([arrival.number]);
  await b.speaking(atB);
  expect(atB.device.standing).toBe("none");
});

test("P7: what it stands at by itself goes along, though A's link says nothing of it", async () => {
  const camera = await a.working();
  camera.radio.switch(false);
  await a.hold([camera.number], "restrict");
  const directive = a.events.findLast(({ type }) => type === "directive-issued")?.signed ?? "";
  const handover = await a.release([camera.number]).then(() => give(a, b, camera));
  const arrival = await take(b, a, handover);
  expect(b.service.view.devices.get(arrival.number)?.standing).toBe("none");
  await handOver(camera, fromBase64Url(directive)); // it hears of the hold, and never of the release
  await carry(camera, arrival.bundle);
  expect(camera.device.standing).toBe("restrict");
});

test("P10: given away, it is refused by A's gateway and by A's devices, whatever its firmware does", async () => {
  const [camera, winch] = [await a.working(), await a.working()];
  const papers = { chain: camera.device.tlsIdentity.chain };
  await until(
    () => winch.device.peerVerdict(papers, "reading").verdict === "trusted",
    "they trust each other",
  );
  await give(a, b, camera);
  await until(
    () => winch.device.peerVerdict(papers, "reading").verdict === "denied",
    "the other one was told",
  );
  const client = await withoutFirmware(camera, a.port);
  const closed = new Promise<string>((done) => client.once("close", () => done("cut")));
  const sent = client.publishAsync(`app/${camera.number}/position`, "still here", { qos: 1 }).then(
    () => "taken",
    () => "refused",
  );
  expect(await Promise.race([sent, closed])).not.toBe("taken");
  await client.endAsync(true);
  expect(a.messagesFrom(camera)).toEqual([]);
});

test("P13: where A's keys are elsewhere, what it gives is drafted, signed by the transfer key, and brought back", async () => {
  const maker = await Harbor.open({ production: true });
  try {
    const { service, keys, operators } = maker;
    const camera = await maker.working();
    await maker.hold([camera.number], "restrict");
    const owner = ownerIn(authorityOf(b), service);
    const { id } = await service.act(
      { kind: "give", numbers: [camera.number], owner, reason: "sold" },
      "admin",
    );
    for (const signers of [operators, [keys.hold], Object.values(service.keys).slice(0, 2)])
      await expect(bringSigned(service, id, signers)).rejects.toThrow("refused");
    expect(handoverOf(service, camera.number)).toBeUndefined();
    await bringSigned(service, id, [keys.transfer]);
    const handover = handoverOf(service, camera.number);
    const arrival = await take(b, maker, handover ?? new Uint8Array());
    await carry(camera, arrival.bundle);
    await maker.stop(camera);
    const atB = await switchOn(camera, b, arrival.number);
    expect(atB.device.standing).toBe("restrict");
    await b.release([arrival.number]);
    await b.speaking(atB);
  } finally {
    await maker.close();
  }
});

test("what waited for A's applications is not told to B", async () => {
  const camera = await a.working();
  const arrival = await take(b, a, await give(a, b, camera));
  const secret = camera.device.publish("logbook", utf8("for A only"));
  const dropped = secret.catch((error: DeviceError) => error.code);
  await carry(camera, arrival.bundle);
  expect(await dropped).toBe("other-owner");
  await a.stop(camera);
  const atB = await switchOn(camera, b, arrival.number);
  await b.speaking(atB);
  expect(b.messagesFrom(atB)).toEqual([]);
});

test("P3: a device that is behind on both sides walks A's links, then B's", async () => {
  const camera = await a.bear(); // never switched on
  await a.rotate({ keys: ["transfer"] });
  await b.rotate({ keys: ["root", "lease"] });
  const arrival = await take(b, a, await give(a, b, camera));
  await b.rotate({ keys: ["ledger"] });
  const sailor = camera as Sailor;
  await a.start(sailor, { wrap: noNetwork });
  await carry(sailor, arrival.bundle);
  expect(refusals(sailor)).toEqual([]);
  const held = await sailor.store.load();
  expect(equalBytes(held?.record.fleetId ?? new Uint8Array(), b.service.trust.fleetId)).toBe(true);
  await a.stop(sailor);
  await b.speaking(await switchOn(sailor, b, arrival.number));
});
