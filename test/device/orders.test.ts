/** One-shot acts as a device carries them out: once, saved first, confirmed, and never because of half a message (P2, P4). */
import { describe, expect, test } from "vitest";
import { tlsIdentity } from "../../device/machine.js";
import { heldVector } from "../../device/state.js";
import type { Effect } from "../../device/steps.js";
import { Bench } from "./bench.js";
import { DAY, LEASE_SECONDS, Owner } from "./owner.js";

const speaking = () => new Bench(new Owner()).speaking();
const acts = (effects: readonly Effect[]) => effects.flatMap((e) => (e.type === "act" ? [e.act] : []));
const allActs = (device: Bench) => acts(device.steps.flatMap(({ effects }) => effects));
const types = (effects: readonly Effect[]) => effects.map(({ type }) => type);

describe("a restart", () => {
  test("is the host's: told once, after it is saved that it was done", () => {
    const device = speaking();
    const effects = device.receive(device.owner.directive(1, 1, "none", { reboot: 3 }));
    expect(acts(effects)).toEqual(["reboot"]);
    expect(types(effects).indexOf("save")).toBeLessThan(types(effects).indexOf("act"));
    expect(device.disk.done).toEqual({ reboot: 3 });
    device.reboot();
    device.connect("device");
    device.answer();
    device.receive(device.owner.directive(1, 2, "none", { reboot: 3 }));
    expect(allActs(device)).toEqual(["reboot"]);
  });

  test("is confirmed, in the vector of each sync and receipt", () => {
    const device = speaking();
    device.receive(device.owner.directive(1, 1, "none", { reboot: 1 }));
    expect(device.asked()).toMatchObject({ kind: "receipt", value: { holds: { done: { reboot: 1 } } } });
  });

  test("P2: missing any number of directives asks for nothing twice", () => {
    const device = speaking();
    device.receive(device.owner.directive(1, 9, "none", { reboot: 7 }));
    device.receive(device.owner.directive(1, 3, "none", { reboot: 2 }));
    expect(allActs(device)).toEqual(["reboot"]);
  });
});

test("a proof of what it runs is told to the host, and a sync follows that says so", () => {
  const device = speaking();
  expect(acts(device.receive(device.owner.directive(1, 1, "none", { attest: 1 })))).toEqual(["attest"]);
  expect(device.asked()).toMatchObject({ kind: "sync", value: { holds: { done: { attest: 1 } } } });
  device.answer();
  expect(device.asked().kind).toBe("receipt");
});

describe("new keys", () => {
  const rekey = (device: Bench, times: number, n = 1) =>
    device.receive(device.owner.directive(1, n, "none", { rekey: times }));

  test("are asked for at once, and done when their certificate is stored", () => {
    const device = speaking();
    rekey(device, 1);
    expect(device.disk.done).toBeUndefined();
    expect([-2, -1].map((at) => device.question(at).kind)).toEqual(["receipt", "renew"]);
    device.answer();
    expect(device.disk).toMatchObject({ done: { rekey: 1 }, ldevid: { key: "ldevid-2" } });
    device.connect("device");
    device.answer();
    expect(device.asked()).toMatchObject({ kind: "receipt", value: { holds: { done: { rekey: 1 } } } });
    expect(device.state.job).toBeUndefined();
  });

  test("wait until the device may work", () => {
    const device = speaking();
    device.notice("held", "quarantined");
    rekey(device, 1);
    device.pass(0);
    expect(device.asked().kind).not.toBe("renew");
    device.notice("device");
    device.answer();
    device.pass(0);
    expect(device.asked().kind).toBe("renew");
  });

  test("that were under way before they were asked for are not those", () => {
    const device = speaking();
    device.pass(21 * DAY);
    device.answer(); // of the sync that was due
    expect(device.asked().kind).toBe("renew");
    rekey(device, 1);
    device.reboot(); // the same request goes on
    device.connect("device");
    device.answer();
    device.pass(0);
    expect(device.asked().kind).toBe("renew");
    device.answer();
    expect(device.disk.done).toBeUndefined();
    device.connect("device");
    device.answer();
    device.pass(0);
    expect(device.asked().kind).toBe("renew");
    device.answer();
    expect(device.disk).toMatchObject({ done: { rekey: 1 }, ldevid: { key: "ldevid-3" } });
  });

  test("count also when the device had to return for them", () => {
    const device = new Bench(new Owner()).enrolled();
    rekey(device, 2);
    device.connect("pledge");
    expect(device.asked().kind).toBe("return");
    device.answer();
    expect(device.disk.done).toEqual({ rekey: 2 });
  });
});

describe("a wipe", () => {
  const wiped = () => {
    const device = speaking();
    device.receive(device.owner.directive(1, 1, "isolate"));
    const effects = device.receive(device.owner.release(1, 2, "isolate", { wipe: 1 }));
    return { device, effects };
  };

  test("P4: is saved, then the keys go, then the host is told, then it comes back as a pledge", () => {
    const { device, effects } = wiped();
    expect(types(effects)).toEqual(["save", "remove-key", "act", "freshness", "reconnect", "wake"]);
    expect(effects).toContainEqual({ type: "remove-key", name: "ldevid-1" });
    expect(acts(effects)).toEqual(["wipe"]);
    expect(device.disk).toMatchObject({ done: { wipe: 1 }, discarded: ["ldevid-1"] });
    expect(device.disk.ldevid).toBeUndefined();
    expect(device.disk.lease).toBeUndefined();
    expect(tlsIdentity(device.state).key).toBe("idevid");
    device.connect("pledge");
    expect(device.asked().kind).toBe("enroll");
  });

  test("P7: it frees nobody: holds, alarms and the time stay", () => {
    const { device } = wiped();
    const { signedSeconds } = device.disk;
    device.reboot();
    expect(device.state.reported).toBe("isolate");
    expect(heldVector(device.state)).toMatchObject({ level: "isolate", done: { wipe: 1 } });
    expect(device.disk.signedSeconds).toBe(signedSeconds);
  });

  test("P6: nor does it make a device fresh whose lease was over", () => {
    const device = new Bench(new Owner([{ afterSeconds: 0, level: "restrict" }])).speaking();
    device.feed({ type: "disconnected" });
    device.pass(LEASE_SECONDS + 1);
    device.receive(device.owner.release(1, 1, "none", { wipe: 1 }));
    expect(device.disk.lease).toBeUndefined();
    expect(device.state.reported).toBe("restrict");
  });

  test("is done once", () => {
    const { device } = wiped();
    device.connect("pledge");
    device.answer();
    device.receive(device.owner.release(1, 3, "isolate", { wipe: 1 }));
    expect(allActs(device)).toEqual(["wipe"]);
  });
});

describe("a reply is applied whole before anything is begun", () => {
  const asked = (device: Bench) => {
    device.connect("device");
    const question = device.asked();
    if (question.kind !== "sync") throw new Error("a device syncs first");
    return question.value;
  };

  test("what its lease says was receipted is not done again", () => {
    const device = speaking();
    const request = asked(device);
    const documents = [device.owner.directive(1, 1, "none", { reboot: 5, attest: 2 })];
    const required = { ...device.owner.required(request), directive: [1, 1] } as const;
    const lease = device.owner.lease(request, { required, done: { reboot: 5, attest: 1 } });
    expect(acts(device.receive(device.owner.syncReply(request, documents, lease)))).toEqual(["attest"]);
    expect(device.disk.done).toEqual({ reboot: 5, attest: 2 });
  });

  test("also by a lease that does not count yet, since something is missing still", () => {
    const device = speaking();
    const request = asked(device);
    const documents = [device.owner.directive(1, 1, "none", { reboot: 5 })];
    const required = { ...device.owner.required(request), ledger: [1, 9] } as const;
    const lease = device.owner.lease(request, { required, done: { reboot: 5 } });
    expect(acts(device.receive(device.owner.syncReply(request, documents, lease)))).toEqual([]);
    expect(device.state.session?.synced).toBe(false);
  });

  test("but not by a lease for another question", () => {
    const device = speaking();
    const old = asked(device);
    const request = asked(device);
    const documents = [device.owner.directive(1, 1, "none", { reboot: 5 })];
    const lease = device.owner.lease(old, { done: { reboot: 5 } });
    expect(acts(device.receive(device.owner.syncReply(request, documents, lease)))).toEqual(["reboot"]);
  });
});
