/** New keys in place of all before, by a ticket that a person brought: in any state, through any power cut (P4, P7, P8). */
import { describe, expect, test } from "vitest";
import { tlsIdentity } from "../../device/machine.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { CertificateReply, type ReenrollRequest, ticketProof } from "../../protocol/certify.js";
import { encodeFrame } from "../../protocol/frame.js";
import { type ErrorCode, ErrorReply } from "../../protocol/notice.js";
import { Bench } from "./bench.js";
import { DAY, entropy, Owner, softSigner } from "./owner.js";
import { certificateReply } from "./questions.js";
import { nonceOf, waiting } from "./waiting.js";

const keysOf = (bench: Bench) => [...bench.keys.keys()];
const signersOf = (bench: Bench, from = 0) =>
  bench.steps
    .slice(from)
    .flatMap(({ effects }) => effects.flatMap((e) => (e.type === "sign" ? [e.key] : [])));
const bring = (bench: Bench, ticket = entropy(32)) => {
  bench.feed({ type: "ticket", ticket });
  return ticket;
};
function requestOf(bench: Bench): ReenrollRequest {
  const asked = bench.asked();
  if (asked.kind !== "reenroll") throw new Error(`it asks for a ${asked.kind}`);
  return asked.value;
}
const refuse = (bench: Bench, code: ErrorCode, more: Partial<ErrorReply> = {}) =>
  bench.receive(encodeFrame(ErrorReply, { nonce: nonceOf(bench.asked()), code, ...more }));
/** Re-enrolled, and connected again with what it got. */
function reenrolled(): Bench {
  const bench = new Bench(new Owner()).speaking();
  bring(bench);
  bench.answer();
  bench.connect("device");
  bench.answer();
  return bench;
}

describe("a ticket", () => {
  test.each(["pledge", "held", "device"] as const)(
    "is shown in the role %s, before anything else",
    (role) => {
      const bench = new Bench(new Owner()).enrolled();
      bring(bench);
      bench.connect(role);
      expect(bench.asked().kind).toBe("reenroll");
    },
  );

  test("P4: is stored with its request before anything is signed or sent", () => {
    const bench = new Bench(new Owner()).speaking();
    const ticket = bring(bench);
    const types = bench.steps.at(-3)!.effects.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual(["save", "create-key"]);
    expect(bench.disk.request).toMatchObject({ kind: "reenroll", key: "base-2", ticket });
  });

  test("its key signs for fleet, device, nonce and the new key; the new key signs the request itself", () => {
    const bench = new Bench(new Owner()).speaking();
    const from = bench.steps.length;
    const secret = bring(bench);
    const { subject, nonce, publicKey, ticket } = requestOf(bench);
    const key = nodeCrypto.publicKey({ algorithm: "Ed25519", secret });
    const proof = ticketProof(bench.owner.trust.fleetId, subject, nonce, publicKey);
    expect(nodeCrypto.verify(key, proof, ticket)).toBe(true);
    expect(publicKey).toEqual(bench.made.at(-1));
    expect(signersOf(bench, from)).toEqual(["base-2"]);
  });

  test("P4: survives a power cut: the same nonce and key; also one before its key was made", () => {
    const bench = new Bench(new Owner()).speaking();
    bring(bench);
    const first = requestOf(bench);
    for (const lost of [false, true]) {
      if (lost) bench.keys.delete("base-2");
      bench.reboot();
      bench.connect("held");
      expect(requestOf(bench).nonce).toEqual(first.nonce);
      expect(requestOf(bench).publicKey).toEqual(bench.made.at(-1));
    }
  });

  test("the same again changes nothing; another one takes its place, with a key of its own", () => {
    const bench = new Bench(new Owner()).speaking();
    const ticket = bring(bench);
    const first = requestOf(bench);
    const { record } = bench.state;
    bring(bench, ticket);
    expect(bench.state.record).toBe(record);
    const other = bring(bench);
    expect(bench.disk.request).toMatchObject({ key: "base-3", ticket: other });
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1", "base-3"]);
    const { state } = bench;
    bench.receive(certificateReply(first, bench.owner)); // it was accepted, and the answer comes late
    expect(bench.state).toEqual(state);
    expect(requestOf(bench)).toMatchObject({
      nonce: bench.disk.request?.nonce,
      publicKey: bench.made.at(-1),
    });
  });

  test.each(["enroll", "return", "renew"] as const)("takes the place of a %s that was under way", (kind) => {
    const bench = waiting(kind);
    const old = bench.asked();
    const key = bench.disk.request?.key;
    bring(bench);
    expect(keysOf(bench)).not.toContain(key);
    expect(bench.asked().kind).toBe("reenroll");
    const { state } = bench;
    if ("publicKey" in old.value) {
      const ldevid = bench.owner.ldevid(1, old.value.publicKey);
      bench.receive(encodeFrame(CertificateReply, { nonce: old.value.nonce, ldevid, documents: [] }));
    }
    expect(bench.state).toEqual(state);
    bench.answer();
    expect(bench.disk.base?.key).toBe(bench.disk.ldevid?.key);
  });
});

describe("the certificate that answers", () => {
  test("makes its key the base, and every key of before goes but the factory's", () => {
    const bench = new Bench(new Owner()).speaking();
    bring(bench);
    const effects = bench.answer();
    expect(bench.disk).toMatchObject({ base: { key: "base-2" }, ldevid: { key: "base-2" } });
    expect(bench.disk.base?.publicKey).toEqual(bench.made.at(-1));
    expect(bench.disk.request).toBeUndefined();
    expect(keysOf(bench)).toEqual(["idevid", "base-2"]);
    const types = effects.map(({ type }) => type);
    expect(types.indexOf("save")).toBeLessThan(types.indexOf("remove-key"));
    expect(types).toContain("reconnect");
  });

  test("for another key than the one that was named changes nothing", () => {
    const bench = new Bench(new Owner()).speaking();
    bring(bench);
    const { state } = bench;
    const ldevid = bench.owner.ldevid(1, softSigner().publicKey);
    const { nonce } = requestOf(bench);
    bench.receive(encodeFrame(CertificateReply, { nonce, ldevid, documents: [] }));
    expect(bench.state).toEqual(state);
  });

  test("P7: frees nobody: holds, alarms and documents stay, and it is as much held as it was", () => {
    const bench = new Bench(new Owner()).speaking();
    bench.receive(bench.owner.beacon(1));
    bench.receive(bench.owner.beacon(1, { denied: 1 })); // a fork
    bench.receive(bench.owner.directive(1, 1, "restrict"));
    const { holds, alarms, directive } = bench.disk;
    bring(bench);
    bench.notice("held", "quarantined");
    bench.answer();
    expect(bench.disk).toMatchObject({ base: { key: "base-2" }, holds, alarms, directive });
    expect(bench.state.reported).toBe("isolate");
  });

  test("keeps the sync token: the fleet begins anew with whatever is shown", () => {
    const bench = new Bench(new Owner()).enrolled();
    bench.connect("device");
    const asked = bench.asked();
    if (asked.kind !== "sync") throw new Error("it syncs");
    const token = { n: 1, after: 0, seal: entropy(8) };
    bench.receive(bench.owner.syncReply(asked.value, [], bench.owner.lease(asked.value, { token })));
    bring(bench);
    bench.answer();
    expect(bench.disk.token).toEqual(token);
  });
});

describe("from then on the base key says who it is", () => {
  test("it signs the return; the gateway sees the LDevID, or the IDevID of its birth", () => {
    const bench = reenrolled();
    expect(tlsIdentity(bench.state).key).toBe("base-2");
    const from = bench.steps.length;
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("return");
    expect(signersOf(bench, from)).toEqual(["ldevid-3", "base-2"]);
    expect(tlsIdentity({ ...bench.state, asPledge: true }).key).toBe("idevid");
  });

  test("a renewed LDevID has a key of its own, and the base key stays when that is replaced", () => {
    const bench = reenrolled();
    bench.pass(21 * DAY);
    bench.answer();
    bench.answer();
    expect(keysOf(bench)).toEqual(["idevid", "base-2", "ldevid-3"]);
    bench.connect("device");
    bench.answer();
    bench.pass(21 * DAY);
    bench.answer();
    bench.answer();
    expect(keysOf(bench)).toEqual(["idevid", "base-2", "ldevid-4"]);
  });

  test("a wipe takes the LDevID and not the base key; it comes back by a return, and syncs meanwhile by that key", () => {
    const bench = reenrolled();
    bench.receive(bench.owner.release(1, 1, "none", { wipe: 1 }));
    expect(keysOf(bench)).toEqual(["idevid", "base-2"]);
    const from = bench.steps.length;
    bench.connect("held");
    expect(bench.asked().kind).toBe("sync");
    expect(signersOf(bench, from)).toEqual(["base-2"]);
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("return");
    refuse(bench, "not-enrolled"); // which is a lie, and an IDevID gets nothing more here
    bench.pass(2);
    expect(bench.asked().kind).toBe("return");
  });

  test("a wipe leaves a ticket that is on its way: its answer may be for the only key that still counts", () => {
    const bench = new Bench(new Owner()).speaking();
    bring(bench);
    const { nonce } = requestOf(bench);
    bench.receive(bench.owner.release(1, 1, "none", { wipe: 1 }));
    expect(keysOf(bench)).toEqual(["idevid", "base-2"]);
    bench.connect("pledge");
    expect(requestOf(bench).nonce).toEqual(nonce);
  });

  test("a second re-enrollment replaces it", () => {
    const bench = reenrolled();
    bring(bench);
    bench.answer();
    expect(bench.disk).toMatchObject({ base: { key: "base-3" }, ldevid: { key: "base-3" } });
    expect(keysOf(bench)).toEqual(["idevid", "base-3"]);
    bench.connect("device");
    bench.answer();
    expect(bench.state.speaking).toBe(true);
  });
});

describe("a ticket that is refused", () => {
  test("for good: nothing stored changes, it goes on as without, and the firmware is told", () => {
    const bench = new Bench(new Owner()).enrolled();
    const ticket = bring(bench);
    bench.connect("device");
    const { record } = bench.state;
    const effects = refuse(bench, "bad-ticket");
    expect(effects).toContainEqual({
      type: "refused-request",
      request: "reenroll",
      code: "bad-ticket",
      next: "ticket",
      retryAfterSeconds: 0,
    });
    expect(bench.state.record).toEqual({ ...record });
    expect(bench.asked().kind).toBe("sync");
    bench.answer();
    expect(bench.state.speaking).toBe(true);
    bench.pass(DAY - 1);
    expect(bench.sent().filter((bytes) => bench.read(bytes).kind === "reenroll")).toHaveLength(1);
    bench.connect("device"); // perhaps it was a lie
    expect(bench.asked().kind).toBe("reenroll");
    refuse(bench, "bad-ticket");
    bring(bench, ticket); // somebody insists
    bench.answer();
    expect(bench.asked().kind).toBe("reenroll");
  });

  test("gives way to what a pledge needs: no wrong ticket locks a device out", () => {
    const bench = new Bench(new Owner()).enrolled();
    bring(bench);
    bench.connect("pledge");
    refuse(bench, "bad-ticket");
    expect(bench.asked().kind).toBe("return");
    expect(bench.disk.request?.ticket).toBeUndefined();
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1", "ldevid-3"]);
    bench.answer();
    expect(bench.disk.ldevid?.key).toBe("ldevid-3");
  });

  test.each(["held", "fleet-unreachable", "approval-pending"] as const)(
    "for now (%s): it stays, comes again after five minutes, and holds up no sync",
    (code) => {
      const bench = new Bench(new Owner()).enrolled();
      bring(bench);
      bench.connect("held");
      const { nonce } = requestOf(bench);
      refuse(bench, code);
      expect(bench.asked().kind).toBe("sync");
      bench.answer();
      bench.pass(299);
      expect(bench.asked().kind).toBe("sync");
      bench.pass(1);
      expect(requestOf(bench).nonce).toEqual(nonce);
      refuse(bench, code, { retryAfterSeconds: 3600 });
      bench.pass(3599);
      expect(bench.state.job).toBeUndefined();
      bench.pass(1);
      expect(bench.state.job?.kind).toBe("reenroll");
    },
  );

  test("for now, again and again: it comes ever more seldom, and once an hour at the least", () => {
    const bench = new Bench(new Owner()).enrolled();
    bring(bench);
    bench.connect("held");
    const pauses = [300, 600, 1200, 2400, 3600, 3600];
    for (const seconds of pauses) {
      refuse(bench, "held");
      if (bench.state.job) bench.answer(); // the sync that was due
      bench.pass(seconds - 1);
      expect(bench.state.job).toBeUndefined();
      bench.pass(1);
      expect(bench.state.job?.kind).toBe("reenroll");
    }
  });

  test("for now: a pledge waits for it, since another key would take its place", () => {
    const bench = new Bench(new Owner()).enrolled();
    bring(bench);
    bench.connect("pledge");
    const sent = bench.sent().length;
    refuse(bench, "retry-later");
    bench.pass(299);
    expect(bench.sent()).toHaveLength(sent);
    expect(bench.pass(1).map(({ type }) => type)).toContain("send");
    expect(bench.asked().kind).toBe("reenroll");
  });

  test("by silence: three times in all, and what was due goes on over the same connection", () => {
    const bench = new Bench(new Owner()).enrolled();
    bring(bench);
    bench.connect("device");
    for (let tries = 0; tries < 3; tries++) {
      expect(bench.asked().kind).toBe("reenroll");
      bench.pass(30);
    }
    expect(bench.asked().kind).toBe("sync");
    bench.answer();
    expect(bench.state.speaking).toBe(true);
    expect(bench.disk.request?.kind).toBe("reenroll");
  });
});
