/** Bundles over the API: in and out, bounded, each item judged for itself. */
import { afterEach, describe, expect, test } from "vitest";
import { MAX_BODY_BYTES } from "../../fleet/api/app.js";
import { fromBase64Url } from "../../fleet/events.js";
import { joinBundle, MAX_BUNDLE_BYTES, splitBundle } from "../../protocol/bundle.js";
import { toHex } from "../../protocol/bytes.js";
import { encodeFrame } from "../../protocol/frame.js";
import { TimeRequest } from "../../protocol/time.js";
import { inspectItem } from "../../protocol/inspect.js";
import { type ServedFleet, serveFleet } from "./served-fleet.js";

let fleet: ServedFleet | undefined;
afterEach(async () => {
  await fleet?.close();
  fleet = undefined;
});
const serve = async (devices: number): Promise<ServedFleet> => (fleet = await serveFleet(devices));

const SEQUENCE = { "content-type": "application/cbor-seq" };
const send = (body: Uint8Array, path = "/v1/bundle", headers: Record<string, string> = SEQUENCE) =>
  fleet!.call("POST", path, { headers, body: new Uint8Array(body) });
const hold = (number: number) =>
  fleet!.post("/v1/quarantine/requests", { numbers: [number], level: "isolate", reason: "stolen" });
async function fetched(path: string): Promise<{ type: string | null; items: readonly Uint8Array[] }> {
  const headers = { authorization: `Bearer ${fleet!.admin}` };
  const response = await fetch(new URL(path, fleet!.url), { headers });
  const type = response.headers.get("content-type");
  return { type, items: splitBundle(new Uint8Array(await response.arrayBuffer())) };
}
const names = (items: readonly Uint8Array[]) => items.map((item) => inspectItem(item).message);
const frame = encodeFrame(TimeRequest, { nonce: new Uint8Array(16) });

describe("out", () => {
  test("all that a device has not confirmed, or what concerns all", async () => {
    await serve(2);
    await hold(1);
    const one = await fetched("/v1/bundle?device=1");
    expect(one.type).toBe("application/cbor-seq");
    expect(names(one.items)).toEqual(["directive", "beacon", "ledger-part"]);
    expect(names((await fetched("/v1/bundle")).items)).toEqual(["beacon", "ledger-part"]);
  });

  test.each([
    ["?device=7", 404],
    ["?device=x", 400],
    ["?number=1", 400],
  ])("%s: %i", async (query, status) => {
    const { get } = await serve(1);
    expect(await get(`/v1/bundle${query}`)).toMatchObject({ status });
  });
});

describe("in", () => {
  test("each item is judged for itself: known, nothing for a server, or not ours", async () => {
    await serve(1);
    await hold(1);
    const { items } = await fetched("/v1/bundle?device=1");
    const spoilt = items[0]!.slice();
    spoilt[spoilt.length - 1]! ^= 1;
    const { status, body } = await send(joinBundle([items[0]!, frame, spoilt, items[1]!]));
    expect(status).toBe(200);
    expect(body).toEqual({
      items: [
        { result: "taken" },
        { result: "passed-over" },
        { result: "refused", code: "bad-signature", text: expect.any(String) },
        { result: "taken" },
      ],
      unanswered: 0,
    });
  });

  test("a document that the server has lost counts again", async () => {
    await serve(1);
    await hold(1);
    const { items } = await fetched("/v1/bundle?device=1");
    expect((await send(joinBundle([items[0]!]))).body.items).toEqual([{ result: "taken" }]);
    expect(fleet!.service.view.devices.get(1)?.directive?.version).toEqual([1, 2]);
  });

  test("who brought it is in the log", async () => {
    await serve(1);
    const mine = await fetched("/v1/authority");
    expect((await send(joinBundle(mine.items))).body.items).toEqual([{ result: "taken" }]);
    expect((await fleet!.get("/v1/fleet")).body.id).toBe(toHex(fleet!.service.trust.fleetId));
  });

  test.each([
    ["nothing", new Uint8Array(), 400],
    ["bytes that are no bundle", new Uint8Array([1, 2, 3]), 400],
    ["a bundle that is cut off", frame.subarray(0, 9), 400],
    ["more than a bundle can have", new Uint8Array(MAX_BUNDLE_BYTES + 1), 413],
  ])("%s is refused", async (_, body, status) => {
    await serve(1);
    expect((await send(body)).status).toBe(status);
  });

  test("JSON is refused, and an Authority's door has the bound of other bodies", async () => {
    await serve(1);
    expect((await send(frame, "/v1/bundle", { "content-type": "application/json" })).status).toBe(415);
    const long = joinBundle(Array.from({ length: 4000 }, () => frame));
    expect((await send(long)).body.items).toHaveLength(4000);
    expect((await send(new Uint8Array(MAX_BODY_BYTES + 1), "/v1/authority")).status).toBe(413);
  });
});

describe("Authorities", () => {
  test("the chain comes as a bundle, and one that is known changes nothing", async () => {
    await serve(0);
    const { type, items } = await fetched("/v1/authority");
    expect([type, names(items)]).toEqual(["application/cbor-seq", ["authority"]]);
    const { status, body } = await send(joinBundle(items), "/v1/authority");
    expect([status, body]).toEqual([200, { version: 1, taken: 0 }]);
  });

  test("other documents, and Authorities of other fleets, are refused", async () => {
    await serve(1);
    const { items } = await fetched("/v1/bundle");
    expect((await send(joinBundle([items[0]!]), "/v1/authority")).status).toBe(400);
    const other = await serveFleet(0);
    const { signed = "" } = other.service.view.authorities.get(1)!;
    await other.close();
    const strange = await send(fromBase64Url(signed), "/v1/authority");
    expect(strange).toMatchObject({ status: 409, body: { code: "conflict" } });
  });
});

test("where the release key is on the server there is nothing to draft", async () => {
  const { post, get } = await serve(1);
  await hold(1);
  const { body } = await post("/v1/quarantine/lifts", { numbers: [1], reason: "found" });
  const drafts = await get(`/v1/quarantine/${body.id}/drafts`);
  expect(drafts).toMatchObject({ status: 409, body: { code: "conflict" } });
  expect(await get("/v1/quarantine/0123456789abcdef/drafts")).toMatchObject({ status: 404 });
});
