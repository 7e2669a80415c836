/** Over the API: whom two seem to be, who wants to come back, tickets, and a table of one's own. */
import { afterEach, describe, expect, test } from "vitest";
import type { EventResource } from "../../fleet/api/events.js";
import { type Fact, toBase64Url } from "../../fleet/events.js";
import { freshKey } from "./fixtures.js";
import { type ServedFleet, serveFleet } from "./served-fleet.js";

let fleet: ServedFleet | undefined;
afterEach(async () => {
  await fleet?.close();
  fleet = undefined;
});
const serve = async (devices: number): Promise<ServedFleet> => (fleet = await serveFleet(devices));

const happen = ({ service }: ServedFleet, fact: Fact & { readonly number: number }) =>
  service.record("fleet", () => fact);
const suspect = (served: ServedFleet, number: number) =>
  happen(served, { type: "clone-suspected", number, shown: 3, newest: 5 });
const approve = ({ post, approver }: ServedFleet, { id, digest }: { id: string; digest: string }) =>
  post(`/v1/quarantine/requests/${id}/approve`, { digest }, approver);
const device = async ({ get }: ServedFleet, number: number) => (await get(`/v1/devices/${number}`)).body;
const listed = async ({ get }: ServedFleet, filter: string) =>
  (await get(`/v1/devices?filter=${filter}`)).body.devices.map((each: { number: number }) => each.number);
const events = async ({ get }: ServedFleet): Promise<EventResource[]> =>
  String((await get("/v1/events")).body)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as EventResource);

const key = toBase64Url(freshKey("Ed25519").publicKey.bytes);

test("a device that two seem to be is listed until two people vouch for it", async () => {
  const served = await serve(3);
  await suspect(served, 2);
  expect(await listed(served, "suspected:yes")).toEqual([2]);
  expect(await listed(served, "suspected:no")).toEqual([1, 3]);
  expect(await device(served, 2)).toMatchObject({
    level: "none",
    suspectedSince: expect.stringMatching(/Z$/),
  });
  const { status, body } = await served.post("/v1/access/vouches", { numbers: [2], reason: "one image" });
  expect([status, body]).toMatchObject([201, { kind: "vouch", state: "awaiting-approval" }]);
  expect(await listed(served, "suspected:yes")).toEqual([2]);
  expect(await approve(served, body)).toMatchObject({ status: 200, body: { progress: { confirmed: 1 } } });
  expect(await listed(served, "suspected:yes")).toEqual([]);
  expect(await device(served, 2)).not.toHaveProperty("suspectedSince");
});

test("a device that wants to come back is listed, and then may", async () => {
  const served = await serve(2);
  await happen(served, { type: "return-requested", number: 1 });
  expect(await listed(served, "return:asked")).toEqual([1]);
  const { body } = await served.post("/v1/access/returns", { numbers: [1], reason: "back" });
  await approve(served, body);
  expect(await listed(served, "return:approved")).toEqual([1]);
  expect(await device(served, 1)).toMatchObject({ comingBack: "approved" });
});

test("a ticket is for one device, and its public half is all that the service knows", async () => {
  const served = await serve(1);
  const { status, body } = await served.post("/v1/access/tickets", { number: 1, key, reason: "copied" });
  expect([status, body]).toMatchObject([201, { kind: "ticket", key, state: "awaiting-approval" }]);
  expect(await device(served, 1)).not.toHaveProperty("ticketUntil");
  await approve(served, body);
  expect(await device(served, 1)).toMatchObject({ ticketUntil: expect.stringMatching(/Z$/) });
});

test("a lift with a table of its own says so, to who approves and after", async () => {
  const served = await serve(1);
  const freshness = [{ afterSeconds: 604_800, level: "isolate" }];
  const { body } = await served.post("/v1/quarantine/lifts", {
    numbers: [1],
    freshness,
    reason: "shop window",
  });
  expect(body).toMatchObject({ kind: "release", level: "none", freshness });
  expect(await device(served, 1)).not.toHaveProperty("freshness");
  await approve(served, body);
  expect(await device(served, 1)).toMatchObject({ freshness });
  expect(await events(served)).toContainEqual(
    expect.objectContaining({ type: "release-issued", number: 1, freshness }),
  );
});

describe("what is refused", () => {
  const reason = "x";
  const numbers = [1];
  const lifts = (...levels: readonly string[]) => ({
    numbers,
    reason,
    freshness: levels.map((level) => ({ afterSeconds: 1, level })),
  });
  test.each<[string, string, object, number, string]>([
    ["to vouch for whom nobody suspects", "access/vouches", { numbers, reason }, 409, "conflict"],
    ["to let back who does not ask", "access/returns", { numbers, reason }, 409, "conflict"],
    ["a ticket for nobody", "access/tickets", { number: 9, key, reason }, 404, "not-found"],
    ["a ticket for several", "access/tickets", { numbers, key, reason }, 400, "bad-request"],
    ["a ticket without a key", "access/tickets", { number: 1, reason }, 400, "bad-request"],
    ["a ticket of a short key", "access/tickets", { number: 1, key: "AAAA", reason }, 400, "bad-request"],
    [
      "a ticket of a bad key",
      "access/tickets",
      { number: 1, key: "A".repeat(43), reason },
      400,
      "bad-request",
    ],
    ["a table that revokes", "quarantine/lifts", lifts("revoked"), 400, "bad-request"],
    [
      "a table with a rule too many",
      "quarantine/lifts",
      lifts(...Array(5).fill("observe")),
      400,
      "bad-request",
    ],
    [
      "a table of the past",
      "quarantine/lifts",
      { numbers, reason, freshness: [{ afterSeconds: -1, level: "observe" }] },
      400,
      "bad-request",
    ],
  ])("%s: %s", async (_, path, body, status, code) => {
    const served = await serve(1);
    const before = served.service.view.acts.size;
    expect(await served.post(`/v1/${path}`, body)).toMatchObject({ status, body: { code } });
    expect(served.service.view.acts.size).toBe(before);
  });

  test("a filter that is none names all there are", async () => {
    const served = await serve(1);
    const { status, body } = await served.get("/v1/devices?filter=suspected:maybe");
    expect([status, body.detail]).toMatchObject([
      400,
      expect.stringContaining("return:<none|asked|approved>"),
    ]);
  });
});

test("each of these has a line in the log, without what is secret", async () => {
  const served = await serve(1);
  const newKey = { algorithm: "ES256", bytes: "secret-to-nobody-but-not-shown" } as const;
  await suspect(served, 1);
  await happen(served, { type: "device-vouched", number: 1, act: "a1" });
  await happen(served, { type: "return-requested", number: 1 });
  await happen(served, { type: "return-approved", number: 1, act: "a2" });
  await happen(served, { type: "ticket-issued", number: 1, key, expiresAt: 1, act: "a3" });
  await happen(served, { type: "device-reenrolled", number: 1, key: newKey, act: "a3" });
  const lines = (await events(served)).slice(-6);
  expect(lines.map(({ type, number, act, reason }) => ({ type, number, act, reason }))).toEqual([
    { type: "clone-suspected", number: 1, act: undefined, reason: "token 3 shown after 5" },
    { type: "device-vouched", number: 1, act: "a1", reason: undefined },
    { type: "return-requested", number: 1, act: undefined, reason: undefined },
    { type: "return-approved", number: 1, act: "a2", reason: undefined },
    { type: "ticket-issued", number: 1, act: "a3", reason: undefined },
    { type: "device-reenrolled", number: 1, act: "a3", reason: undefined },
  ]);
  expect(JSON.stringify(lines)).not.toContain(newKey.bytes);
  expect(JSON.stringify(lines)).not.toContain(key);
});
