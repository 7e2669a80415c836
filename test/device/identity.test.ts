/** How a device comes to its LDevID and keeps it: requests that survive, answers that do not count (P4, P8, P9). */
import { describe, expect, test } from "vitest";
import { CertificateReply } from "../../protocol/certify.js";
import type { PublicKey } from "../../protocol/crypto.js";
import { encodeFrame } from "../../protocol/frame.js";
import { Bench } from "./bench.js";
import { DAY, entropy, Owner, softSigner, START } from "./owner.js";
import { nonceOf, waiting } from "./waiting.js";

const keysOf = (bench: Bench) => [...bench.keys.keys()];

describe("a request", () => {
  test("P4: survives a power cut: the same nonce, the same key", () => {
    const bench = waiting("enroll");
    const first = bench.asked();
    bench.reboot();
    bench.connect("pledge");
    const again = bench.asked();
    expect(bench.sent().filter((bytes) => bytes.length > 100)).toHaveLength(2);
    expect(nonceOf(again)).toEqual(nonceOf(first));
    expect(again).toMatchObject({ kind: "enroll", value: { publicKey: bench.made.at(-1) } });
    expect(bench.made).toHaveLength(2);
    bench.answer();
    expect(bench.disk.ldevid?.key).toBe("ldevid-1");
  });

  test("P4: survives a power cut between its save and the making of its key", () => {
    const bench = waiting("enroll");
    const first = bench.asked();
    bench.keys.delete("ldevid-1"); // as it is when the cut came before the key was on the disk
    bench.reboot();
    bench.connect("pledge");
    expect(nonceOf(bench.asked())).toEqual(nonceOf(first));
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1"]);
  });

  test("P8: leaves no key behind: one of the factory, one to work with, at most one that is asked for", () => {
    const bench = new Bench(new Owner()).speaking();
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1"]);
    expect(bench.disk.request).toBeUndefined();
    bench.pass(21 * DAY);
    bench.answer(); // of the sync that was due; then it renews
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1", "ldevid-2"]);
    bench.pass(10 * DAY); // in vain: its LDevID runs out
    bench.connect("pledge");
    expect(bench.asked().kind).toBe("return");
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-1", "ldevid-3"]);
    bench.answer();
    expect(keysOf(bench)).toEqual(["idevid", "ldevid-3"]);
    expect(bench.disk.request).toBeUndefined();
  });

  test("is signed by the factory's key, a renewal by the key that it replaces", () => {
    for (const [kind, key] of [
      ["enroll", "idevid"],
      ["return", "idevid"],
      ["renew", "ldevid-1"],
    ] as const) {
      const signed = waiting(kind).steps.flatMap(({ effects }) =>
        effects.flatMap((effect) => (effect.type === "sign" ? [effect.key] : [])),
      );
      expect(signed.at(-1)).toBe(key);
    }
  });

  test("is due at two thirds of the life of the LDevID, to the second, and not while held", () => {
    const bench = new Bench(new Owner()).speaking();
    const { notBefore = 0, notAfter = 0 } = bench.state.held.ldevid ?? {};
    const due = notBefore + ((notAfter - notBefore) * 2) / 3;
    bench.pass(due - 1 - bench.owner.now);
    bench.answer();
    expect(bench.asked().kind).toBe("sync");
    bench.notice("held", "quarantined");
    bench.answer(); // to the sync that asks why
    bench.pass(1);
    expect(bench.asked().kind).toBe("sync");
    bench.notice("device");
    expect(bench.asked().kind).toBe("renew");
  });
});

describe("an answer changes nothing", () => {
  const asksFor = (bench: Bench): PublicKey => {
    const { kind, value } = bench.asked();
    if (kind !== "enroll" && kind !== "renew") throw new Error("it waits for its LDevID");
    return value.publicKey;
  };
  const reply = (bench: Bench, ldevid: readonly Uint8Array[], nonce = nonceOf(bench.asked())) =>
    bench.receive(encodeFrame(CertificateReply, { nonce, ldevid, documents: [] }));

  test.each<[string, (bench: Bench) => unknown]>([
    ["to another request", (b) => reply(b, b.owner.ldevid(1, asksFor(b)), entropy(16))],
    ["for another device", (b) => reply(b, b.owner.ldevid(2, asksFor(b)))],
    ["for another key", (b) => reply(b, b.owner.ldevid(1, softSigner().publicKey))],
    ["that ran out", (b) => reply(b, b.owner.ldevid(1, asksFor(b), [START - DAY, START - 1]))],
    ["with an IDevID", (b) => reply(b, b.owner.papers(1, b.disk.hardwareId, asksFor(b)).idevid)],
    [
      "with the certificate of a service of the same number",
      (b) => {
        const identity = { profile: "service", holder: b.owner.holder(1) } as const;
        const dates = [START - DAY, START + 90 * DAY] as const;
        return reply(b, [b.owner.certify(identity, asksFor(b), "service", dates)]);
      },
    ],
  ])("%s", (_, answer) => {
    for (const kind of ["enroll", "renew"] as const) {
      const bench = waiting(kind);
      const { state } = bench;
      answer(bench);
      expect(bench.state).toEqual(state);
      expect(bench.answer().map(({ type }) => type)).toContain("reconnect"); // the right one still counts
    }
  });

  test("from another fleet", () => {
    const bench = waiting("enroll");
    const { state } = bench;
    const foreign = new Owner().ldevid(1, asksFor(bench));
    expect(() => reply(bench, foreign)).toThrow(expect.objectContaining({ code: "bad-certificate" }));
    expect(bench.state).toBe(state);
  });

  test("that comes a second time", () => {
    const bench = waiting("enroll");
    const [ldevid, nonce] = [bench.owner.ldevid(1, asksFor(bench)), nonceOf(bench.asked())];
    bench.answer();
    const { state } = bench;
    reply(bench, ldevid, nonce);
    expect(bench.state).toEqual(state);
    bench.connect("device");
    expect(reply(bench, ldevid, nonce).map(({ type }) => type)).toEqual(["wake"]);
  });
});

test("P4: the old key goes only after the new identity is stored", () => {
  const bench = waiting("renew");
  const effects = bench.answer();
  const types = effects.map(({ type }) => type);
  expect(effects).toContainEqual({ type: "remove-key", name: "ldevid-1" });
  expect(types.indexOf("save")).toBeLessThan(types.indexOf("remove-key"));
  expect(bench.disk.ldevid?.key).toBe("ldevid-2");
});

test("documents that come with an LDevID count like any others", () => {
  const bench = waiting("enroll");
  const question = bench.asked();
  if (question.kind !== "enroll") throw new Error("it enrolls");
  const { nonce, publicKey } = question.value;
  const documents = [bench.owner.directive(1, 1, "isolate"), Uint8Array.of(0xff)];
  bench.receive(
    encodeFrame(CertificateReply, { nonce, ldevid: bench.owner.ldevid(1, publicKey), documents }),
  );
  expect(bench.disk.holds).toEqual([{ version: [1, 1], level: "isolate" }]);
  expect(bench.state.reported).toBe("isolate");
});
