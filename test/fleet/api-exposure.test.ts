/** Who knows, over the API: of a device's documents, an advisory, an epoch, an Authority; and of everything. */
import { afterEach, describe, expect, test } from "vitest";
import { confirm, type ServedFleet, serveFleet } from "./served-fleet.js";

let fleet: ServedFleet | undefined;
afterEach(async () => {
  await fleet?.close();
  fleet = undefined;
});
const serve = async (devices: number): Promise<ServedFleet> => (fleet = await serveFleet(devices));
const exposed = (query: string) => fleet!.get(`/v1/exposure${query}`);
const hold = (number: number) =>
  fleet!.post("/v1/quarantine/requests", { numbers: [number], level: "isolate", reason: "stolen" });
const advise = (match: string) => fleet!.post("/v1/advisories", { match, level: "observe", reason: "x" });

test("of a device: each of its documents, since when, and the peers that refuse it", async () => {
  const { service } = await serve(3);
  await hold(1);
  expect((await exposed("?device=1")).body).toMatchObject({
    number: 1,
    level: "isolate",
    documents: [{ kind: "directive", version: [1, 2], counts: { confirmed: 0, told: 0, dark: 1 } }],
    peers: { denying: 0, of: 2 },
  });
  await confirm(service, 1, 2);
  const { body } = await exposed("?device=1");
  expect(body.documents).toMatchObject([{ devices: [{ number: 1, level: "isolate", state: "confirmed" }] }]);
  expect(body.documents[0].devices[0].since).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
});

test("of an epoch, an Authority and a list: counts of all devices, and pages of them", async () => {
  const { service } = await serve(5);
  await advise("number = 1");
  await confirm(service, 2, 1);
  for (const query of ["?epoch=1", "?advisories=1.1"])
    expect((await exposed(query)).body.counts).toEqual({ confirmed: 0, told: 0, dark: 5 });
  expect((await exposed("?epoch=0")).body.counts).toEqual({ confirmed: 1, told: 0, dark: 4 });
  const { body } = await exposed("?authority=1");
  expect(body).toMatchObject({ kind: "authority", version: 1, counts: { confirmed: 1, dark: 4 } });
  const numbers = async (query: string) =>
    (await exposed(query)).body.devices.map(({ number }: { number: number }) => number);
  expect(await numbers("?authority=1&state=confirmed")).toEqual([2]);
  const first = await exposed("?authority=1&limit=3");
  expect(first.body.devices).toHaveLength(3);
  const rest = await exposed(`?authority=1&limit=3&after=${first.body.next}`);
  expect(rest.body.devices).toHaveLength(2);
  expect(rest.body).not.toHaveProperty("next");
});

test("of an advisory: the list that brought it, and later the removal that ended it", async () => {
  const { post, approver } = await serve(2);
  await advise("number = 1");
  await advise("number = 2");
  expect((await exposed("?advisory=1")).body).toMatchObject({ kind: "advisories", version: [1, 1] });
  expect((await exposed("?advisory=2")).body).toMatchObject({ kind: "advisories", version: [1, 2] });
  const { id, digest } = (await post("/v1/advisories/1/removal", { reason: "fixed" })).body;
  await post(`/v1/quarantine/requests/${id}/approve`, { digest }, approver);
  expect((await exposed("?advisory=1")).body).toMatchObject({ kind: "removals", version: [1, 1] });
  expect((await exposed("?removals=1.1")).body.counts).toEqual({ confirmed: 0, told: 0, dark: 2 });
  expect((await exposed("?advisory=2")).body).toMatchObject({ kind: "advisories", version: [1, 2] });
});

test("of everything: the newest of each kind that there is", async () => {
  const { service } = await serve(2);
  await confirm(service, 1, 1);
  const { documents } = (await exposed("")).body;
  expect(documents).toEqual([
    { kind: "authority", version: 1, counts: { confirmed: 1, told: 0, dark: 1 } },
    { kind: "ledger", version: [1, 0], counts: { confirmed: 1, told: 0, dark: 1 } },
  ]);
  await advise("number = 1");
  const kinds = (await exposed("")).body.documents.map(({ kind }: { kind: string }) => kind);
  expect(kinds).toEqual(["authority", "ledger", "advisories"]);
});

describe("is refused", () => {
  test.each([
    ["?device=1&epoch=0", 400],
    ["?authority=1&state=asleep", 400],
    ["?authority=1&limit=1001", 400],
    ["?advisories=1", 400],
    ["?number=1", 400],
    ["?device=7", 404],
    ["?epoch=9", 404],
    ["?authority=2", 404],
    ["?advisory=1", 404],
    ["?advisories=1.1", 404],
    ["?removals=1.1", 404],
  ])("%s: %i", async (query, status) => {
    await serve(1);
    expect((await exposed(query)).status).toBe(status);
  });
});
