/** A device that missed many rotations comes back by itself, in one connection cycle, and in no tight loop (P9, P11). */
import { afterEach, describe, expect, test } from "vitest";
import { IDEVID_KEY } from "../../device/jobs.js";
import type { Call } from "./line.js";
import { until } from "../stories/harbor.js";
import type { FleetKeys } from "../../fleet/fleet-keys.js";
import { DAY, Owner, softSigner } from "./owner.js";
import { closeRigs, Rig } from "./rig.js";

afterEach(closeRigs);

/** A gateway of the fleet with a certificate of today: who comes in by the front door judges it. */
function guarded(rig: Rig): void {
  rig.serve();
  const answer = rig.line.onCall;
  const { publicKey } = softSigner();
  rig.line.onCall = (call: Call) => {
    const { fleet } = rig;
    const chain = fleet.gateway(publicKey, [fleet.now - DAY, fleet.now + DAY]);
    const verdict = call.door.name === "front" ? call.door.verify(chain) : "trusted";
    if (verdict === "trusted") answer(call);
    else call.refuse(verdict);
  };
}

/** Every key but those of the X.509 root and the station is replaced, the service CA at the fourth and the ninth. */
function twelveRotations(fleet: Owner): void {
  for (let i = 1; i <= 12; i++) {
    const keys: Partial<FleetKeys> = { root: softSigner(), hold: softSigner(), lease: softSigner() };
    const roles = Object.fromEntries(
      Object.entries(keys).map(([role, { publicKey }]) => [role, { keys: [publicKey], threshold: 1 }]),
    );
    const service = softSigner();
    const replaced = i === 4 || i === 9;
    const cas = replaced ? { service: service.publicKey } : {};
    fleet.rotate({ roles, cas, keep: "none" }, { ...keys, ...(replaced && { "service-ca": service }) });
  }
}

test("P9: 12 rotations missed, the service CA replaced twice, 400 days dark: lobby, front, leased", async () => {
  const rig = await Rig.speaking(new Owner());
  rig.line.onCall = (call) => call.close(); // dark
  rig.line.call.close();
  await until(() => rig.line.calls.length > 4, "it tries in vain");
  twelveRotations(rig.fleet);
  rig.fleet.now += 400 * DAY;
  const before = rig.line.calls.length;
  guarded(rig);
  await rig.told("leased", 2);
  const doors = rig.line.calls.slice(before).map(({ door }) => door.name);
  expect(doors.slice(0, 3)).toEqual(["front", "lobby", "front"]); // and with its next LDevID after that
  expect(rig.all("server-refused")).toEqual([{ type: "server-refused", why: "chain" }]);
  expect(rig.all("refused")).toEqual([]);
  expect((await rig.store.load())?.record.authority).toEqual(rig.fleet.trust.authority.bytes);
});

describe("with one link missing or forged", () => {
  test.each<[string, (links: Uint8Array[]) => void]>([
    ["missing", (links) => void links.splice(6, 1)],
    ["forged", (links) => void (links[6] = links[6]!.with(links[6]!.length - 1, links[6]!.at(-1)! ^ 1))],
  ])("%s: it says which, and tries again ever later", async (_, spoil) => {
    const rig = await Rig.speaking(new Owner());
    rig.line.onCall = (call) => call.close();
    rig.line.call.close();
    await until(() => rig.line.calls.length > 4, "it tries in vain");
    twelveRotations(rig.fleet);
    spoil(rig.fleet.links);
    const before = rig.line.calls.length;
    guarded(rig);
    const waits = () => rig.clock.advance(30_000); // for the time, which is signed by a key behind the link
    await until(() => (waits(), rig.all("server-refused").length >= 3), "it comes back twice");
    const doors = rig.line.calls.slice(before).map(({ door }) => door.name);
    expect(doors.slice(0, 5)).toEqual(["front", "lobby", "front", "lobby", "front"]);
    const links = rig.all("refused").filter(({ text }) => text.startsWith("authority"));
    expect(links.length).toBeGreaterThanOrEqual(2);
    for (const { text } of links) expect(text).toContain("authority link 8");
    expect(rig.device.lease).toBeDefined(); // what it held it holds
  });
});

test("P11: a gateway that lets nobody work is not run down: after four quick returns a device waits", async () => {
  const rig = await Rig.born();
  rig.serve();
  const answer = rig.line.onCall;
  rig.line.onCall = (call) => {
    answer(call);
    if (call.door.name === "lobby") return;
    if (rig.device.tlsIdentity.key === IDEVID_KEY) call.notice("pledge", "expired");
    else call.notice("lobby", "bad-certificate");
  };
  await rig.start({ backoff: { firstMs: 3_600_000, longestMs: 3_600_000 } });
  await until(() => rig.line.calls.length >= 5, "it returns at once");
  await rig.looked();
  await rig.looked();
  expect(rig.line.calls).toHaveLength(5);
  expect(rig.line.call.closed).toBe(true);
});
