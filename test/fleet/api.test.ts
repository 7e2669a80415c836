/** The HTTP API over real HTTP on loopback: who may ask, what is refused, and what the answers say. */
import { afterEach, describe, expect, test } from "vitest";
import { MAX_BODY_BYTES } from "../../fleet/api/app.js";
import type { EventResource } from "../../fleet/api/events.js";
import { serveHttp } from "../../fleet/api/serve.js";
import { ProtocolError } from "../../protocol/errors.js";
import { Hono } from "hono";
import { confirm, importDevices, type ServedFleet, serveFleet } from "./served-fleet.js";

let fleet: ServedFleet | undefined;
afterEach(async () => {
  await fleet?.close();
  fleet = undefined;
});

async function serve(...args: Parameters<typeof serveFleet>): Promise<ServedFleet> {
  return (fleet = await serveFleet(...args));
}

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);
const hold = (who: readonly number[], level = "isolate", reason = "reported stolen") => ({
  numbers: who,
  level,
  reason,
});
const latin1 = (body: unknown) => new Uint8Array(Buffer.from(JSON.stringify(body), "latin1"));
type Body = NonNullable<RequestInit["body"]>;
const REQUESTS = "/v1/quarantine/requests";
const LIFTS = "/v1/quarantine/lifts";
/** A policy of one day, and a second. */
const OVER_A_DAY_MS = 86_401_000;

describe("who asks", () => {
  const routes: [string, string][] = [
    ["GET", "/v1/fleet"],
    ["GET", "/v1/devices"],
    ["GET", "/v1/devices/1"],
    ["GET", "/v1/events"],
    ["GET", "/v1/quarantine"],
    ["GET", "/v1/quarantine/0000000000000000"],
    ["POST", REQUESTS],
    ["POST", LIFTS],
    ["POST", `${REQUESTS}/0000000000000000/approve`],
    ["POST", "/v1/quarantine/counts"],
    ["GET", "/v1/quarantine/0000000000000000/drafts"],
    ["GET", "/v1/advisories"],
    ["GET", "/v1/advisories/preview?match=everything"],
    ["POST", "/v1/advisories"],
    ["POST", "/v1/advisories/1/removal"],
    ["GET", "/v1/exposure"],
    ["GET", "/v1/bundle"],
    ["POST", "/v1/bundle"],
    ["GET", "/v1/authority"],
    ["POST", "/v1/authority"],
    ["POST", "/v1/station"],
    ["GET", "/v1/no-such-route"],
    ["DELETE", "/v1/devices/1"],
  ];
  test("without a token, or with a wrong one, every route is refused", async () => {
    const { call, admin } = await serve(1, { station: async (body) => body });
    const wrong = `${admin.slice(1)}A`;
    for (const [method, path] of routes) {
      for (const token of ["", wrong, "x"]) {
        const { status, type, headers, body } = await call(method, path, {}, token);
        expect([path, status, body.code]).toEqual([path, 401, "unauthenticated"]);
        expect(type).toBe("application/problem+json");
        expect(headers.get("www-authenticate")).toBe("Bearer");
      }
    }
  });

  test("only /livez answers everyone", async () => {
    const { call } = await serve(0);
    expect(await call("GET", "/livez", {}, "")).toMatchObject({ status: 200, body: "ok\n" });
  });

  test("the actor in the log is the operator whose token it was", async () => {
    const { post, get, approver } = await serve(1);
    const { body } = await post(REQUESTS, hold([1]), approver);
    expect(body.requestedBy).toBe("approver");
    expect((await get(`/v1/quarantine/${body.id}`)).body.requestedBy).toBe("approver");
  });

  test("the API is not served beyond this machine", async () => {
    await expect(serveHttp(new Hono(), "0.0.0.0", 0)).rejects.toMatchObject({ code: "bad-request" });
  });
});

describe("quarantine", () => {
  test("a hold on one device is in force at once, and the device has yet to say that it knows", async () => {
    const { post, get, service } = await serve(2);
    const { status, body } = await post(REQUESTS, hold([2]));
    expect(status).toBe(201);
    expect(body).toMatchObject({ state: "in-force", level: "isolate", requestedBy: "admin" });
    expect(body.progress).toEqual({ devices: 1, waiting: 0, issued: 1, confirmed: 0, superseded: 0 });
    expect((await get("/v1/devices/2")).body).toMatchObject({ level: "isolate", knows: "not-yet" });
    expect((await get("/v1/devices/1")).body.level).toBe("none");
    await confirm(service, 2, 2);
    expect((await get("/v1/devices/2")).body).toMatchObject({
      knows: "confirmed",
      wanted: { directive: [1, 2], release: [0, 0] },
      confirmed: { directive: [1, 2], release: [0, 0] },
    });
    const detail = await get(`/v1/quarantine/${body.id}`);
    expect(detail.body.progress).toMatchObject({ issued: 0, confirmed: 1 });
    expect(detail.body.devices).toMatchObject([{ number: 2, level: "isolate", state: "confirmed" }]);
  });

  test("a lift waits for a second person, whose token must be another one", async () => {
    const { post, get, admin, approver } = await serve(1);
    await post(REQUESTS, hold([1]));
    const { status, body } = await post(LIFTS, { numbers: [1], reason: "found again" });
    expect([status, body.state, body.kind, body.level]).toEqual([
      201,
      "awaiting-approval",
      "release",
      "none",
    ]);
    expect(body.expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const approve = (as: string) => post(`${REQUESTS}/${body.id}/approve`, { digest: body.digest }, as);
    expect(await approve(admin)).toMatchObject({ status: 403, body: { code: "denied" } });
    expect((await get("/v1/devices/1")).body.level).toBe("isolate");
    expect(await approve(approver)).toMatchObject({
      status: 200,
      body: { state: "in-force", approvedBy: "approver" },
    });
    expect((await get("/v1/devices/1")).body.level).toBe("none");
    expect(await approve(approver)).toMatchObject({ status: 409, body: { code: "conflict" } });
  });

  test("a device knows of a lift when it holds the release, not before", async () => {
    const { post, get, approver, service } = await serve(1);
    await post(REQUESTS, hold([1]));
    const { body } = await post(LIFTS, { numbers: [1], reason: "found again" });
    await post(`${REQUESTS}/${body.id}/approve`, { digest: body.digest }, approver);
    await confirm(service, 1, 2);
    expect((await get("/v1/devices/1")).body).toMatchObject({ level: "none", knows: "not-yet" });
    await confirm(service, 1, 2, 3);
    expect((await get("/v1/devices/1")).body.knows).toBe("confirmed");
    expect((await get(`/v1/quarantine/${body.id}`)).body.devices).toMatchObject([{ state: "confirmed" }]);
  });

  test("an approval for another set of devices counts for nothing", async () => {
    const { post, get, approver } = await serve(12);
    const [one, other] = [
      await post(REQUESTS, hold(numbers(1, 11))),
      await post(REQUESTS, hold(numbers(2, 12))),
    ];
    expect(one.body.digest).not.toBe(other.body.digest);
    const path = `${REQUESTS}/${one.body.id}/approve`;
    expect(await post(path, { digest: other.body.digest }, approver)).toMatchObject({ status: 409 });
    expect((await get(`/v1/quarantine/${one.body.id}`)).body).toMatchObject({
      state: "awaiting-approval",
      progress: { devices: 11, waiting: 11 },
    });
    expect(await post(path, { digest: one.body.digest }, approver)).toMatchObject({ status: 200 });
    expect((await get("/v1/devices?filter=level:isolate")).body.devices).toHaveLength(11);
  });

  test("a request that ran out cannot be approved", async () => {
    const { post, get, approver, clock } = await serve(1);
    const { body } = await post(LIFTS, { numbers: [1], reason: "found again" });
    clock.advance(OVER_A_DAY_MS);
    expect((await get(`/v1/quarantine/${body.id}`)).body.state).toBe("expired");
    const answer = await post(`${REQUESTS}/${body.id}/approve`, { digest: body.digest }, approver);
    expect(answer).toMatchObject({ status: 409, body: { code: "conflict" } });
  });

  test("what a later decision replaced is not reported as open", async () => {
    const { post, get } = await serve(1);
    const first = await post(REQUESTS, hold([1], "restrict"));
    await post(REQUESTS, hold([1], "isolate"));
    const { body } = await get(`/v1/quarantine/${first.body.id}`);
    expect(body.devices).toMatchObject([{ number: 1, state: "superseded" }]);
  });

  test("requests are listed newest first, and their devices in pages", async () => {
    const { post, get } = await serve(11);
    const ids = [
      (await post(REQUESTS, hold(numbers(1, 11)))).body.id,
      (await post(REQUESTS, hold([1]))).body.id,
    ];
    const list = (await get("/v1/quarantine")).body.acts;
    expect(list.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed());
    expect((await get("/v1/quarantine?limit=1")).body.acts).toHaveLength(1);
    const page = (await get(`/v1/quarantine/${ids[0]}?limit=4&after=3`)).body;
    expect(page.devices.map(({ number }: { number: number }) => number)).toEqual([4, 5, 6, 7]);
    expect(page.next).toBe(7);
  });

  test.each([
    ["an unknown device", hold([1, 99]), 404, "not-found"],
    ["no device", hold([]), 400, "bad-request"],
    ["a device named twice", hold([1, 1]), 400, "bad-request"],
    ["level none", hold([1], "none"), 400, "bad-request"],
    ["a level that is none", hold([1], "banned"), 400, "bad-request"],
    ["an empty reason", { ...hold([1]), reason: " " }, 400, "bad-request"],
    ["a reason that is too long", { ...hold([1]), reason: "x".repeat(65) }, 400, "bad-request"],
    ["no reason", { numbers: [1], level: "isolate" }, 400, "bad-request"],
    ["a number as text", hold(["1"] as unknown as number[]), 400, "bad-request"],
    ["a fraction", hold([1.5]), 400, "bad-request"],
    ["a number over 32 bits", hold([2 ** 32]), 400, "bad-request"],
    ["an unknown field", { ...hold([1]), force: true }, 400, "bad-request"],
    ["a field of every object", { ...hold([1]), constructor: {} }, 400, "bad-request"],
    ["an array", [hold([1])], 400, "bad-request"],
    ["null", null, 400, "bad-request"],
  ])("%s is refused", async (_, body, status, code) => {
    const { post, get } = await serve(1);
    expect(await post(REQUESTS, body)).toMatchObject({ status, body: { status, code } });
    expect((await get("/v1/quarantine")).body.acts).toEqual([]);
  });

  test.each([
    ["an id that is none", "/v1/quarantine/__proto__", "GET"],
    ["an id that is not known", `${REQUESTS}/0123456789abcdef/approve`, "POST"],
  ])("%s is not found", async (_, path, method) => {
    const { post, get } = await serve(1);
    const answer = method === "GET" ? await get(path) : await post(path, { digest: "0123456789abcdef" });
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
  });
});

describe("bodies", () => {
  const send = (headers: Record<string, string>, body: Body) =>
    fleet!.call("POST", REQUESTS, { headers, body });
  const JSON_TYPE = { "content-type": "application/json" };

  test("__proto__ is a field like any other that is not declared", async () => {
    await serve(1);
    const text = `{"numbers":[1],"level":"isolate","reason":"x","__proto__":{"polluted":true}}`;
    expect(await send(JSON_TYPE, text)).toMatchObject({ status: 400, body: { code: "bad-request" } });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("a body over the bound is refused, with its length or without", async () => {
    await serve(1);
    const long = JSON.stringify(hold([1])).padEnd(MAX_BODY_BYTES + 1);
    expect(await send(JSON_TYPE, long)).toMatchObject({ status: 413, body: { code: "too-large" } });
    const init = { body: new Blob([long]).stream(), duplex: "half" as const, headers: JSON_TYPE };
    expect(await fleet!.call("POST", REQUESTS, init)).toMatchObject({ status: 413 });
    expect(await send(JSON_TYPE, long.slice(0, MAX_BODY_BYTES))).toMatchObject({ status: 201 });
  });

  test.each([
    ["text", { "content-type": "text/plain" }, JSON.stringify(hold([1])), 415],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }, "numbers=1", 415],
    ["no JSON", JSON_TYPE, "{numbers:[1]}", 400],
    ["nothing", JSON_TYPE, "", 400],
    ["bytes that are not UTF-8", JSON_TYPE, latin1(hold([1], "isolate", "seen in a café")), 400],
  ])("%s is refused", async (_, headers, body, status) => {
    await serve(1);
    expect((await send(headers, body)).status).toBe(status);
  });
});

describe("lists", () => {
  test("pages add up to the whole, by number", async () => {
    const { get, service } = await serve(0);
    await importDevices(service, 101, 250); // not in the order of their numbers
    await importDevices(service, 1, 100);
    const seen: number[] = [];
    let next: number | undefined = 0;
    while (next !== undefined) {
      const { body } = await get(`/v1/devices?limit=60&after=${next}`);
      seen.push(...body.devices.map(({ number }: { number: number }) => number));
      next = body.next;
    }
    expect(seen).toEqual(numbers(1, 250));
    expect((await get("/v1/devices")).body.devices).toHaveLength(100);
    expect((await get("/v1/devices?limit=250")).body).not.toHaveProperty("next");
  });

  test("filters are anded", async () => {
    const { get, post, service } = await serve(3);
    await post(REQUESTS, hold([1, 2]));
    await confirm(service, 2, 2);
    const found = async (query: string) =>
      (await get(`/v1/devices?${query}`)).body.devices.map(({ number }: { number: number }) => number);
    expect(await found("filter=level:isolate")).toEqual([1, 2]);
    expect(await found("filter=level:isolate&filter=knows:confirmed")).toEqual([2]);
    expect(await found("filter=model:camera-2")).toEqual([1, 2, 3]);
    expect(await found("filter=model:other")).toEqual([]);
  });

  test.each([
    "/v1/devices?limit=0",
    "/v1/devices?limit=1001",
    "/v1/devices?limit=1e2",
    "/v1/devices?after=-1",
    "/v1/devices?after=1&after=2",
    "/v1/devices?sort=level",
    "/v1/devices?filter=level:banned",
    "/v1/devices?filter=toString:x",
    "/v1/devices?__proto__=x",
    `/v1/devices?${"filter=model:x&".repeat(9)}`,
    "/v1/events?after=x",
    "/v1/events?follow=yes",
    "/v1/quarantine?limit=101",
  ])("%s is refused", async (path) => {
    const { get } = await serve(1);
    expect(await get(path)).toMatchObject({ status: 400, body: { code: "bad-request" } });
  });

  test.each(["2", "0", "x", "__proto__", "1e0", "4294967297"])("there is no device %s", async (number) => {
    const { get } = await serve(1);
    expect(await get(`/v1/devices/${number}`)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("a device shows what it is, and nothing that is secret", async () => {
    const { get } = await serve(1);
    const { body } = await get("/v1/devices/1");
    expect(body).toEqual({
      number: 1,
      hardwareId: Buffer.from("hw-1").toString("hex"),
      model: "camera-2",
      importedAt: expect.stringMatching(/Z$/),
      level: "none",
      knows: "not-yet",
      wanted: { directive: [1, 1], release: [0, 0] },
      alarms: [],
    });
  });

  test("the fleet counts its devices by level", async () => {
    const { get, post } = await serve(3);
    await post(REQUESTS, hold([1]));
    const { body } = await get("/v1/fleet");
    expect(body).toMatchObject({ name: "harbour", authority: 1, epoch: 1 });
    expect(body.id).toMatch(/^[0-9a-f]{32}$/);
    expect(body.devices).toEqual({ total: 3, none: 2, observe: 0, restrict: 0, isolate: 1, revoked: 0 });
  });
});

describe("events", () => {
  /** Lines of a stream until `enough` says so. */
  async function read(path: string, enough: (line: EventResource) => boolean): Promise<EventResource[]> {
    const headers = { authorization: `Bearer ${fleet!.admin}` };
    const { body } = await fetch(new URL(path, fleet!.url), { headers });
    const lines: EventResource[] = [];
    let rest = "";
    for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((part) => JSON.parse(part) as EventResource));
      if (lines.some(enough)) break; // which gives the stream up
    }
    return lines;
  }

  test("the log is told line by line, without what was signed, nonces or keys", async () => {
    const { get, post } = await serve(1);
    await post(REQUESTS, hold([1]));
    const { type, body } = await get("/v1/events");
    expect(type).toBe("application/x-ndjson");
    const lines = (body as string)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as EventResource);
    expect(lines.map((line) => line.type)).toEqual([
      "fleet-created",
      "beacon-issued",
      "device-imported",
      "directive-issued",
      "act-requested",
      "directive-issued",
      "beacon-issued",
    ]);
    expect(lines[4]).toMatchObject({
      actor: "admin",
      level: "isolate",
      reason: "reported stolen",
      devices: 1,
    });
    const shown = ["position", "type", "at", "actor", "number", "level", "reason", "act", "devices"];
    expect(lines.flatMap(Object.keys).filter((key) => !shown.includes(key))).toEqual([]);
    expect((await get(`/v1/events?after=${lines[4]!.position}`)).body.trim().split("\n")).toHaveLength(2);
  });

  test("a reader that follows gets each event once and in order, while more happen", async () => {
    const { service } = await serve(1);
    const busy = importDevices(service, 2, 40);
    const lines = await read(
      "/v1/events?after=0&follow=1",
      ({ number, type }) => number === 40 && type === "directive-issued",
    );
    await busy;
    const imported = lines.filter(({ type }) => type === "device-imported").map(({ number }) => number);
    expect(imported).toEqual(numbers(1, 40));
    const positions = [...new Set(lines.map(({ position }) => position))];
    expect(positions).toEqual(numbers(1, positions.length));
  });

  test("after=now tells only what happens from then on", async () => {
    const { post, service } = await serve(2);
    const headers = { authorization: `Bearer ${fleet!.admin}` };
    const { body } = await fetch(new URL("/v1/events?after=now&follow=1", fleet!.url), { headers });
    await importDevices(service, 3, 3); // the answer's head was here, so the stream is open
    const { value } = await body!.getReader().read();
    const first = new TextDecoder().decode(value).split("\n")[0]!;
    expect(JSON.parse(first)).toMatchObject({ type: "device-imported", number: 3 });
    expect((await post(REQUESTS, hold([3]))).status).toBe(201);
  });

  test("streams are bounded, and one that is given up makes room", async () => {
    const { get, url, admin } = await serve(0);
    const headers = { authorization: `Bearer ${admin}` };
    const aborts = numbers(1, 64).map(() => new AbortController());
    // Kept: fetch ends the stream of a response that was collected as garbage.
    const streams: Response[] = [];
    for (const { signal } of aborts)
      streams.push(await fetch(new URL("/v1/events?follow=1", url), { headers, signal }));
    const refused = await get("/v1/events");
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(refused.headers.get("retry-after")).toBe("10");
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    for (const abort of aborts) abort.abort();
    let status = 503;
    while (status === 503) ({ status } = await get("/v1/events")); // until the server has seen it
    expect(status).toBe(200);
  });

  test("a HEAD request starts no stream", async () => {
    const { call } = await serve(0);
    expect((await call("HEAD", "/v1/events?follow=1")).status).toBe(405);
  });
});

describe("the station's door", () => {
  const octets = { "content-type": "application/octet-stream" };
  const knock = (body: Body = new Uint8Array([1, 2, 3]), headers: Record<string, string> = octets) =>
    fleet!.call("POST", "/v1/station", { headers, body });

  test("bytes in, bytes out", async () => {
    const got: Uint8Array[] = [];
    await serve(0, {
      station: async (body) => {
        got.push(body);
        return new Uint8Array([0x41, 0x42]);
      },
    });
    expect(await knock()).toMatchObject({ status: 200, type: "application/octet-stream", body: "AB" });
    expect(got).toEqual([new Uint8Array([1, 2, 3])]);
    expect(await knock("{}", { "content-type": "application/json" })).toMatchObject({ status: 415 });
    expect(await knock(new Uint8Array(MAX_BODY_BYTES + 1))).toMatchObject({ status: 413 });
    expect(got).toHaveLength(1);
  });

  test("is not there unless a station is", async () => {
    await serve(0);
    expect(await knock()).toMatchObject({ status: 404 });
  });

  test("bytes that break the protocol are the client's mistake; others are ours, and are kept to us", async () => {
    const reported: unknown[] = [];
    const ours = new Error("secret detail");
    const failures: Error[] = [new ProtocolError("bad-signature", "no valid signature"), ours];
    await serve(0, {
      station: async () => {
        throw failures.shift()!;
      },
      report: (error) => reported.push(error),
    });
    expect(await knock()).toMatchObject({
      status: 400,
      body: { code: "malformed", detail: "no valid signature" },
    });
    const answer = await knock();
    expect(answer).toMatchObject({ status: 500, body: { code: "internal" } });
    expect(JSON.stringify(answer.body)).not.toContain("secret");
    expect(reported).toEqual([ours]);
  });
});

test("nothing is in force that the log did not take", async () => {
  const { post, get, service } = await serve(1);
  await service.options.log.close();
  expect(await post(REQUESTS, hold([1]))).toMatchObject({ status: 503, body: { code: "storage-failed" } });
  expect((await get("/v1/devices/1")).body.level).toBe("none");
});
