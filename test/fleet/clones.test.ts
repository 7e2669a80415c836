/** Two holders of one device's keys at the fleet's door, with real seals: what each is told, and what gateways are. */
import { beforeEach, expect, test } from "vitest";
import type { DecidedFact } from "../../fleet/events.js";
import type { FleetChange } from "../../fleet/link.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { decodeFrame } from "../../protocol/frame.js";
import { ErrorReply } from "../../protocol/notice.js";
import { Lease } from "../../protocol/lease.js";
import { SyncReply, type SyncRequest } from "../../protocol/sync.js";
import type { SyncToken } from "../../protocol/sync-token.js";
import { freshNonce, must, signedOf, type SmallDevice, SmallFleet } from "./fixtures.js";
import { mended, restored } from "./mended.js";

let fleet: SmallFleet;
let camera: SmallDevice;
beforeEach(async () => {
  fleet = await SmallFleet.open();
  camera = await fleet.member("SN-1");
});

async function sync(changes: Partial<SyncRequest> = {}): Promise<SyncReply> {
  return decodeFrame(SyncReply, must((await camera.send(camera.syncRequest(changes)))[0]));
}
const shows = (token?: SyncToken) => (token ? { token } : {});
const tokenIn = ({ lease }: SyncReply) =>
  openDocument(Lease, must(lease), fleet.service.trust, nodeCrypto).value.token;
/** The token of the lease for a sync that shows this one. */
const next = async (token?: SyncToken): Promise<SyncToken> => must(tokenIn(await sync(shows(token))));

/** One of two holders of `mine` and `other` was heard, and the other one is asked to say again what it holds. */
async function asked() {
  const first = await next();
  const [mine, other] = [await next(first), await next(first)];
  await next(mine);
  return { mine, other, reply: await sync(shows(other)) };
}
async function suspected() {
  const { mine, other, reply } = await asked();
  await sync({ token: other, probe: must(reply.probe) });
  return { mine, other };
}
const suspicion = () => fleet.device(camera.number).suspectedAt;
const record = (fact: DecidedFact) => fleet.service.record("operator", () => fact);

test("each lease brings a token for the one that was shown", async () => {
  const first = await next();
  expect(first).toMatchObject({ n: 1, after: 0 });
  expect(await next(first)).toMatchObject({ n: 2, after: 1 });
});

test("a stale sync gets its documents, no lease, and a probe; it is nobody's fault", async () => {
  const { reply } = await asked();
  expect([reply.lease, reply.probe?.length, suspicion()]).toEqual([undefined, 16, undefined]);
  expect(reply.documents).toContainEqual(signedOf(fleet.device(camera.number).directive));
});

test("P7: the other holder, asked again, is found; gateways are told at once", async () => {
  const { other, reply } = await asked();
  const told: FleetChange[] = [];
  fleet.door.watch((change) => told.push(change));
  const again = await sync({ token: other, probe: must(reply.probe) });
  expect([again.lease, again.probe]).toEqual([undefined, undefined]);
  expect(suspicion()).toBe(fleet.service.now());
  expect(told).toEqual([{ type: "standing", number: camera.number }]);
  expect(fleet.door.standing(camera.number)).toMatchObject({ level: "none", suspected: true });
});

test("P7: neither gets a lease any more; what raises them reaches both", async () => {
  const { mine, other } = await suspected();
  await fleet.act("hold", [camera.number], "isolate");
  for (const token of [mine, other]) {
    const { lease, probe, documents } = await sync({ token });
    expect([lease, probe]).toEqual([undefined, undefined]);
    expect(documents).toContainEqual(signedOf(fleet.device(camera.number).directive));
  }
});

test("a probe with a seal that is not the fleet's is no evidence", async () => {
  const { other, reply } = await asked();
  const probe = must(reply.probe);
  expect((await sync({ token: other, probe: probe.with(15, must(probe[15]) ^ 1) })).probe).toBeDefined();
  expect(suspicion()).toBeUndefined();
});

test("a claim of a huge token is stale, and the holder of the newest goes on", async () => {
  const [first, seal] = [await next(), new Uint8Array(8)];
  const second = await next(first);
  const claim = await sync({ token: { n: Number.MAX_SAFE_INTEGER, after: 1, seal } });
  expect([claim.lease, claim.probe?.length]).toEqual([undefined, 16]);
  expect(await next(second)).toMatchObject({ n: 3, after: 2 });
});

test("vouched for, whoever is heard next begins the chain anew, and gateways are told", async () => {
  const { other } = await suspected();
  const told: FleetChange[] = [];
  fleet.door.watch((change) => told.push(change));
  await record({ type: "device-vouched", number: camera.number, act: "story" });
  expect(told).toEqual([{ type: "standing", number: camera.number }]);
  expect(fleet.door.standing(camera.number)?.suspected).toBe(false);
  expect(await next(other)).toMatchObject({ after: other.n });
});

test("re-enrolled, it begins without a token, and gateways are told", async () => {
  await suspected();
  const { key } = fleet.device(camera.number);
  const told: FleetChange[] = [];
  fleet.door.watch((change) => told.push(change));
  await record({ type: "device-reenrolled", number: camera.number, key, act: "story" });
  expect(told).toEqual([{ type: "standing", number: camera.number }]);
  expect(fleet.door.standing(camera.number)?.suspected).toBe(false);
  expect(fleet.device(camera.number).tokens.shown).toBe(0);
});

test("P12: a service started again on the same log knows its tokens, and whom it suspects", async () => {
  const first = await next();
  const [mine, other] = [await next(first), await next(first)];
  await next(mine);
  const again = await SmallFleet.open({ log: fleet.log, clock: fleet.clock });
  const { probe } = decodeFrame(
    SyncReply,
    must((await again.door.handle(camera.number, camera.syncRequest({ token: other })))[0]),
  );
  await again.door.handle(camera.number, camera.syncRequest({ token: other, probe: must(probe) }));
  const third = await SmallFleet.open({ log: fleet.log, clock: fleet.clock });
  expect(third.device(camera.number).suspectedAt).toBe(again.service.now());
});

test("P9: of a service restored from a backup, the one holder is not suspected, whatever is repeated to it", async () => {
  const requests: Uint8Array[] = [];
  let held: SyncToken | undefined;
  for (let i = 0; i < 6; i++) {
    const request = camera.syncRequest({ nonce: freshNonce(), ...shows(held) });
    requests.push(request);
    held = tokenIn(decodeFrame(SyncReply, must((await camera.send(request))[0])));
  }
  const old = await restored(fleet, ({ type }) => type === "lease-issued");
  for (const request of requests.slice(0, 3)) await old.door.handle(camera.number, request);
  const newest = camera.syncRequest(shows(held));
  const refused = await old.door.handle(camera.number, newest);
  expect(decodeFrame(ErrorReply, must(refused[0])).code).toBe("fleet-unreachable");
  expect(old.service.view.fence?.proof).toEqual({ kind: "token", number: 1, shown: 6, issued: 3 });
  const again = await mended(old);
  for (const request of requests) await again.door.handle(camera.number, request);
  const answer = await again.door.handle(camera.number, newest);
  expect(decodeFrame(SyncReply, must(answer[0])).lease).toBeDefined();
  expect(again.device(camera.number).suspectedAt).toBeUndefined();
});
