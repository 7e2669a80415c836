/** Acts over the API: what is to be done once more, rules for all that match, and how far each has come. */
import { afterEach, describe, expect, test } from "vitest";
import type { EventResource } from "../../fleet/api/events.js";
import type { HeldFact } from "../../fleet/events.js";
import { importDevices, type ServedFleet, serveFleet } from "./served-fleet.js";

let fleet: ServedFleet | undefined;
afterEach(async () => {
  await fleet?.close();
  fleet = undefined;
});
const serve = async (devices: number): Promise<ServedFleet> => (fleet = await serveFleet(devices));

const COUNTS = "/v1/quarantine/counts";
const ADVISORIES = "/v1/advisories";
const count = (name: string, numbers: readonly number[]) => ({ count: name, numbers, reason: "x" });
const rule = (match: string, level = "isolate") => ({ match, level, reason: "open telnet" });

/** Device `number` signs that it holds all that was issued for it, and has done this. */
async function confirmAll({ service }: ServedFleet, number: number, done: HeldFact["done"] = {}) {
  const device = service.view.devices.get(number)!;
  const { advisories } = service.view;
  const held: HeldFact = {
    authority: 1,
    ledger: [1, 0],
    advisories: advisories.list?.version ?? [0, 0],
    removals: advisories.removal?.version ?? [0, 0],
    directive: device.directive?.version ?? [0, 0],
    release: device.release?.version ?? [0, 0],
    level: device.level === "revoked" ? "isolate" : device.level,
    done,
  };
  const counter = device.receiptCounter + 1;
  await service.request({ type: "receipt", number, counter, held }, `device/${number}`);
}
const approve = ({ post, approver }: ServedFleet, { id, digest }: { id: string; digest: string }) =>
  post(`/v1/quarantine/requests/${id}/approve`, { digest }, approver);
const act = async ({ get }: ServedFleet, id: string) => (await get(`/v1/quarantine/${id}`)).body;

describe("once more", () => {
  test.each(["rekey", "reboot", "attest"])(
    "%s is in force at once, and done when the device says so",
    async (name) => {
      const served = await serve(2);
      const { status, body } = await served.post(COUNTS, count(name, [1]));
      expect([status, body.state, body.kind, body.count]).toEqual([201, "in-force", "count", name]);
      expect(served.service.view.devices.get(1)?.directive?.counts).toEqual({ [name]: 1 });
      await confirmAll(served, 1);
      expect(await act(served, body.id)).toMatchObject({ devices: [{ number: 1, state: "issued" }] });
      await confirmAll(served, 1, { [name]: 1 });
      expect(await act(served, body.id)).toMatchObject({ devices: [{ number: 1, state: "confirmed" }] });
    },
  );

  test("a wipe waits for a second person, and so does any of many devices", async () => {
    const served = await serve(11);
    const { body } = await served.post(COUNTS, count("wipe", [1]));
    expect(body.state).toBe("awaiting-approval");
    const many = Array.from({ length: 11 }, (_, i) => i + 1);
    expect((await served.post(COUNTS, count("reboot", many))).body.state).toBe("awaiting-approval");
    expect(await approve(served, body)).toMatchObject({ status: 200, body: { state: "in-force" } });
    expect(served.service.view.devices.get(1)?.release).toMatchObject({ level: "none", wipe: 1 });
  });

  test("it takes back no hold, which a later hold does", async () => {
    const served = await serve(1);
    const hold = (level: string) =>
      served.post("/v1/quarantine/requests", { numbers: [1], level, reason: "x" });
    const [first, second] = [(await hold("restrict")).body, (await hold("isolate")).body];
    await served.post(COUNTS, count("reboot", [1]));
    expect(await act(served, first.id)).toMatchObject({ progress: { superseded: 1 } });
    expect(await act(served, second.id)).toMatchObject({ progress: { issued: 1, superseded: 0 } });
    expect(served.service.view.devices.get(1)?.level).toBe("isolate");
    await confirmAll(served, 1);
    expect(await act(served, second.id)).toMatchObject({ progress: { confirmed: 1 } });
  });

  test.each([
    ["no such count", count("dance", [1]), 400],
    ["an unknown device", count("reboot", [7]), 404],
    ["no device", count("reboot", []), 400],
    ["an unknown field", { ...count("reboot", [1]), level: "none" }, 400],
  ])("%s is refused", async (_, body, status) => {
    const { post } = await serve(1);
    expect((await post(COUNTS, body)).status).toBe(status);
  });
});

describe("advisories", () => {
  test("a preview tells sure matches from unknown facts, and changes nothing", async () => {
    const served = await serve(3);
    const preview = async (match: string, more = "") =>
      (await served.get(`${ADVISORIES}/preview?match=${encodeURIComponent(match)}${more}`)).body;
    expect(await preview('model in { "camera-2" } and number in 1..2')).toEqual({
      match: 'model = "camera-2" and number in 1..2',
      sure: 2,
      unknown: 0,
      of: 3,
      devices: [
        { number: 1, model: "camera-2", level: "none", match: "sure" },
        { number: 2, model: "camera-2", level: "none", match: "sure" },
      ],
    });
    expect(await preview('firmware = "4.0"')).toMatchObject({ sure: 0, unknown: 3 });
    expect(await preview('model = "x"')).toMatchObject({ sure: 0, unknown: 0, devices: [] });
    expect(await preview("everything", "&limit=1&after=1")).toMatchObject({
      sure: 3,
      devices: [{ number: 2 }],
      next: 2,
    });
    expect((await served.get(ADVISORIES)).body).toEqual({ advisories: [] });
  });

  test("one holds all that match, those to come too, until it is removed by two", async () => {
    const served = await serve(2);
    const { get, post, service } = served;
    const added = await post(ADVISORIES, rule("number in 2..3"));
    expect(added).toMatchObject({
      status: 201,
      body: { kind: "advise", state: "in-force", level: "isolate" },
    });
    expect((await get("/v1/devices/2")).body.level).toBe("isolate");
    await importDevices(service, 3, 3);
    expect((await get("/v1/devices/3")).body.level).toBe("isolate");
    expect((await get(ADVISORIES)).body).toEqual({
      advisories: [{ id: 1, match: "number in 2..3", level: "isolate", reason: "open telnet", devices: 2 }],
      list: [1, 1],
    });
    expect(await act(served, added.body.id)).toMatchObject({ progress: { devices: 1, issued: 1 } });
    await confirmAll(served, 2);
    expect(await act(served, added.body.id)).toMatchObject({ progress: { confirmed: 1 } });

    const { body } = await post(`${ADVISORIES}/1/removal`, { reason: "fixed" });
    expect(body).toMatchObject({ kind: "unadvise", advisory: 1, state: "awaiting-approval" });
    expect((await get("/v1/devices/2")).body.level).toBe("isolate");
    expect((await approve(served, body)).status).toBe(200);
    expect((await get("/v1/devices/2")).body.level).toBe("none");
    expect((await get(ADVISORIES)).body).toEqual({ advisories: [], list: [1, 1], removal: [1, 1] });
    expect(await act(served, body.id)).toMatchObject({ progress: { issued: 2, confirmed: 0 } });
    await confirmAll(served, 3);
    expect(await act(served, body.id)).toMatchObject({ progress: { issued: 1, confirmed: 1 } });
  });

  test("a rule that matches many waits for a second person", async () => {
    const served = await serve(11);
    const { body } = await served.post(ADVISORIES, rule("everything"));
    expect(body).toMatchObject({ state: "awaiting-approval", progress: { devices: 11, waiting: 11 } });
    expect((await approve(served, body)).status).toBe(200);
    expect((await served.get("/v1/devices?filter=level:isolate")).body.devices).toHaveLength(11);
  });

  test.each([
    ["a rule that is none", rule("model is cam"), 400],
    ["level none", rule("everything", "none"), 400],
    ["revocation for good", rule("everything", "revoked"), 400],
    ["devices by number", { ...rule("everything"), numbers: [1] }, 400],
    ["no reason", { match: "everything", level: "isolate" }, 400],
  ])("%s is refused", async (_, body, status) => {
    const { post, get } = await serve(1);
    expect((await post(ADVISORIES, body)).status).toBe(status);
    expect((await get(ADVISORIES)).body).toEqual({ advisories: [] });
  });

  test("what is no rule, or no advisory, is said to be so", async () => {
    const { get, post } = await serve(1);
    expect(await get(`${ADVISORIES}/preview`)).toMatchObject({ status: 400 });
    const wrong = await get(`${ADVISORIES}/preview?match=number`);
    expect(wrong).toMatchObject({ status: 400, body: { detail: expect.stringContaining("character 7") } });
    for (const id of ["1", "x", "__proto__"])
      expect(await post(`${ADVISORIES}/${id}/removal`, { reason: "x" })).toMatchObject({ status: 404 });
  });
});

test("the public log tells of each act what it is about, and nothing that was signed", async () => {
  const served = await serve(1);
  await served.post(COUNTS, count("reboot", [1]));
  await served.post(ADVISORIES, rule("number = 1"));
  const { body } = await served.post(`${ADVISORIES}/1/removal`, { reason: "fixed" });
  await approve(served, body);
  const { body: text } = await served.get("/v1/events?after=2");
  const lines = (text as string)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as EventResource);
  const of = (type: string) => lines.filter((line) => line.type === type);
  expect(of("act-requested")).toMatchObject([
    { count: "reboot", devices: 1 },
    { match: "number = 1", level: "isolate", devices: 1 },
    { advisory: 1, devices: 1 },
  ]);
  expect(of("advisories-issued")).toMatchObject([{ act: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
  expect(of("advisories-removed")).toMatchObject([{ act: body.id }]);
  const shown = ["position", "type", "at", "actor", "number", "level", "reason", "act", "devices"];
  const more = ["count", "match", "advisory", "authority"];
  expect(lines.flatMap(Object.keys).filter((key) => ![...shown, ...more].includes(key))).toEqual([]);
});
