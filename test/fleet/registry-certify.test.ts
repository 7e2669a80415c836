/** Who becomes a member, and who gets an LDevID. */
import { describe, expect, test } from "vitest";
import type { ImportRequest } from "../../fleet/registry-certify.js";
import type { Level } from "../../protocol/level.js";
import { DAY, FOUNDED } from "./fixtures.js";
import { birth, certify, codeOf, fleetOf, only, Registry, types } from "./registry-rig.js";

describe("birth and rebirth", () => {
  test("the same record again changes nothing; another device under the number is refused", () => {
    const registry = fleetOf(1);
    expect(registry.facts(birth(1))).toEqual([]);
    expect(codeOf(registry.ask(birth(1, "hw-other")))).toBe("conflict");
    expect(codeOf(registry.ask(birth(1, "hw-1", "other-key")))).toBe("conflict");
  });

  const levels: readonly Level[] = ["none", "observe", "restrict", "isolate", "revoked"];
  test.each(levels)("P7: a second birth of hardware at %s stands there too", (level) => {
    const registry = fleetOf(1);
    if (level !== "none") registry.act("hold", level);
    registry.facts(birth(2, "hw-1"));
    expect(registry.device(2).level).toBe(level);
    expect(registry.view.denied.has(2)).toBe(level === "isolate" || level === "revoked");
  });

  test("P7: a third birth stands as high as the highest before it", () => {
    const registry = fleetOf(1);
    registry.facts(birth(2, "hw-1"));
    registry.act("hold", "isolate", [1]);
    registry.act("hold", "observe", [2]);
    registry.facts(birth(3, "hw-1"));
    expect(registry.device(3).level).toBe("isolate");
  });

  test.each(levels)("P7: a birth that nobody imported inherits %s from its hardware", (level) => {
    const registry = fleetOf(1, { unknownDevices: "accept" });
    if (level !== "none") registry.act("hold", level);
    const reborn = certify("enroll", { number: 2, birth: birth(2, "hw-1").birth });
    const facts = registry.facts(reborn);
    const issued = level === "none" || level === "observe";
    expect(types(facts).includes("certificate-issued")).toBe(issued);
    expect(registry.device(2).level).toBe(level);
  });

  test("a birth that nobody imported waits, if the policy says so", () => {
    const registry = new Registry({ unknownDevices: "wait" });
    const decision = registry.ask(certify("enroll"));
    expect(decision).toMatchObject({ accepted: false, refusal: { code: "pending-import" } });
    expect(decision).toHaveProperty("refusal.retryAfterSeconds");
    expect(registry.view.devices.size).toBe(0);
    expect(codeOf(registry.ask(certify("return")))).toBe("denied");
  });
});

describe("an LDevID", () => {
  test("is for the dates of the policy, begun a little before", () => {
    const { notBefore, notAfter } = only("certificate-issued", fleetOf(1).facts(certify("enroll")));
    expect([notBefore, notAfter]).toEqual([FOUNDED - 300, FOUNDED + 30 * DAY]);
  });

  const ways = ["enroll", "renew", "return"] as const;
  const rows = ways.flatMap((via) =>
    (
      [
        ["observe", "accepted"],
        ["restrict", "held"],
        ["isolate", "held"],
        ["revoked", "revoked"],
      ] as const
    ).map(([level, code]) => [via, level, code] as const),
  );
  test.each(rows)("P7: to %s at %s: %s", (via, level, code) => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll", { nonce: "first" }));
    registry.act("hold", level);
    expect(codeOf(registry.ask(certify(via)))).toBe(code);
  });

  test.each(ways)(
    "P4: to %s again with the same nonce and key issues none while the first is in date",
    (via) => {
      const registry = fleetOf(1);
      if (via !== "enroll") registry.facts(certify("enroll", { nonce: "first" }));
      expect(types(registry.facts(certify(via)))).toEqual(["certificate-issued"]);
      expect(registry.facts(certify(via))).toEqual([]);
      registry.now += 30 * DAY;
      expect(registry.facts(certify(via))).toEqual([]);
    },
  );

  test.each(ways)("P9: to %s again after the one that was issued ended gets one in date", (via) => {
    const registry = fleetOf(1);
    if (via !== "enroll") registry.facts(certify("enroll", { nonce: "first" }));
    registry.facts(certify(via));
    registry.now += 30 * DAY + 1;
    expect(only("certificate-issued", registry.facts(certify(via))).notAfter).toBe(registry.now + 30 * DAY);
  });

  test.each(["enroll", "return"] as const)(
    "P3: an old request to %s that somebody repeats gets none, though a renewal came since",
    (via) => {
      const registry = fleetOf(1);
      if (via === "return") registry.facts(certify("enroll", { nonce: "first" }));
      registry.facts(certify(via, { nonce: "old" }));
      registry.facts(certify("renew", { nonce: "new" }));
      const before = registry.device().certificates;
      expect(codeOf(registry.ask(certify(via, { nonce: "old" })))).toBe("denied");
      expect(registry.device().certificates).toBe(before);
    },
  );

  test("a retry with another key is another request", () => {
    const registry = fleetOf(1);
    registry.facts(certify("enroll"));
    const newKey = { algorithm: "ES256", bytes: "other-key" } as const;
    expect(only("certificate-issued", registry.facts(certify("enroll", { newKey }))).key).toEqual(newKey);
  });

  const mismatches: readonly (readonly [string, ImportRequest])[] = [
    ["other hardware", birth(1, "hw-2", "key-hw-1")],
    ["another key", birth(1, "hw-1", "key-hw-2")],
  ];
  test.each(mismatches)("P7: is not for a birth of %s than was imported", (_, { birth: claimed }) => {
    expect(codeOf(fleetOf(1).ask(certify("enroll", { birth: claimed })))).toBe("denied");
  });

  test.each(["renew", "return"] as const)("to %s, a device has to be enrolled first", (via) => {
    expect(codeOf(fleetOf(1).ask(certify(via)))).toBe("not-enrolled");
  });
});
