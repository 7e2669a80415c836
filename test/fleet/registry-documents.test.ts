/** Documents that come back to a fleet which lost them: upwards only, never two of one version. */
import { describe, expect, test } from "vitest";
import { type DocumentRequest, MAX_LEAP } from "../../fleet/registry-documents.js";
import { parsePredicate } from "../../protocol/predicate-text.js";
import { testSigner } from "../x509/helpers.js";
import { FOUNDED, must } from "./fixtures.js";
import { codeOf, fleetOf, only, range } from "./registry-rig.js";
import { directive, release, sealed, submit } from "./signed-elsewhere.js";

describe("P3: documents that come back", () => {
  const list = {
    version: [1, 1],
    entries: [{ id: 3, match: parsePredicate("number = 1"), level: "isolate", reason: "lost" }],
    issuedAt: FOUNDED,
  } as const;
  const removal = { version: [1, 1], ids: [3], issuedAt: FOUNDED } as const;
  const documents = [
    { name: "directive", value: directive },
    { name: "release", value: release },
    { name: "advisory-list", value: list },
    { name: "advisory-removal", value: removal },
  ] as const;
  const withVersion = (document: (typeof documents)[number], version: readonly [number, number]) => ({
    name: document.name,
    value: { ...document.value, version },
  });

  test.each(documents)(
    "$name: newer is taken as it was signed; known and older change nothing",
    (document) => {
      const registry = fleetOf(1);
      const decision = submit(registry, document);
      expect(decision).toMatchObject({
        accepted: true,
        facts: [{ signed: sealed(document) }],
      });
      expect(submit(registry, document)).toMatchObject({ accepted: true, facts: [] });
      expect(submit(registry, withVersion(document, [1, 9]))).toMatchObject({ accepted: true });
      for (const version of [
        [1, 8],
        [0, 9],
      ] as const)
        expect(submit(registry, withVersion(document, version))).toMatchObject({ accepted: true, facts: [] });
    },
  );

  test.each(documents)("$name: the same version with other content is a fork and refused", (document) => {
    const registry = fleetOf(1);
    submit(registry, document);
    const other = { name: document.name, value: { ...document.value, issuedAt: FOUNDED + 1 } };
    expect(codeOf(submit(registry, other))).toBe("conflict");
  });

  test.each(documents)("$name: signed again by others, it is the same", (document) => {
    const registry = fleetOf(1);
    submit(registry, document);
    const other = testSigner("Ed25519", "another operator");
    expect(submit(registry, document, other)).toMatchObject({ accepted: true, facts: [] });
  });

  test.each(documents)("$name: of a term to come, or far ahead, is refused", (document) => {
    const registry = fleetOf(1);
    expect(codeOf(submit(registry, withVersion(document, [2, 1])))).toBe("conflict");
    expect(codeOf(submit(registry, withVersion(document, [1, Number.MAX_SAFE_INTEGER])))).toBe("conflict");
    expect(codeOf(submit(registry, withVersion(document, [1, MAX_LEAP])))).toBe("accepted");
  });

  test("directive and release of one version are never both taken", () => {
    const [first, second] = [fleetOf(1), fleetOf(1)];
    submit(first, { name: "directive", value: directive });
    expect(codeOf(submit(first, { name: "release", value: release }))).toBe("conflict");
    submit(second, { name: "release", value: release });
    expect(codeOf(submit(second, { name: "directive", value: directive }))).toBe("conflict");
  });

  test("P2: in whatever order, they add up to the same", () => {
    const lost = [
      { name: "directive", value: { ...directive, version: [1, 2] } },
      { name: "release", value: { ...release, version: [1, 3] } },
      { name: "directive", value: { ...directive, version: [1, 4], level: "observe" } },
    ] as const;
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [2, 0, 1],
      [0, 2, 1],
      [1, 2, 0],
    ];
    const ends = orders.map((order) => {
      const registry = fleetOf(1);
      for (const i of order) submit(registry, must(lost[i]));
      const { level, directive: newest, release: last } = registry.device();
      return { level, directive: newest?.version, release: last?.version, denied: registry.view.denied.size };
    });
    expect(ends).toEqual(
      orders.map(() => ({ level: "observe", directive: [1, 4], release: [1, 3], denied: 0 })),
    );
  });

  test("the next document of the fleet's own comes above them", () => {
    const registry = fleetOf(1);
    submit(registry, { name: "release", value: { ...release, version: [1, 40] } });
    expect(only("directive-issued", registry.act("hold", "isolate")).version).toEqual([1, 41]);
  });

  test("P13: revoked stays revoked, whatever comes back", () => {
    const registry = fleetOf(1);
    registry.act("hold", "revoked");
    const later = { ...release, version: [1, 9] };
    expect(codeOf(submit(registry, { name: "release", value: later }))).toBe("conflict");
    submit(registry, { name: "directive", value: { ...directive, version: [1, 8], level: "none" } });
    expect(registry.device().level).toBe("revoked");
  });

  test("of a number that nobody has are not for this fleet", () => {
    for (const document of [
      { name: "release", value: release },
      { name: "directive", value: directive },
    ] as const) {
      const value = { ...document.value, subject: 4711 };
      expect(codeOf(submit(fleetOf(1), { name: document.name, value }))).toBe("not-found");
    }
  });

  describe("of advisories", () => {
    const entry = (id: number, match: string, level = "isolate") =>
      ({ id, match: parsePredicate(match), level, reason: "lost" }) as const;
    const listOf = (n: number, ...entries: readonly object[]) =>
      ({ name: "advisory-list", value: { version: [1, n], entries, issuedAt: FOUNDED } }) as const;

    test("P7: a list takes nothing away that no removal names, and holds from then on", () => {
      const registry = fleetOf(2);
      registry.advise("number = 1", "isolate");
      submit(registry, listOf(5, entry(4, "number = 2", "restrict")));
      expect([registry.device(1).level, registry.device(2).level]).toEqual(["isolate", "restrict"]);
      const next = only("advisories-issued", registry.advise("number = 1", "observe"));
      expect(next).toMatchObject({ version: [1, 6], entries: [{ id: 1 }, { id: 4 }, { id: 5 }] });
    });

    test("P3: an id that says something else is a fork", () => {
      const registry = fleetOf(2);
      registry.advise("number = 1", "isolate");
      expect(codeOf(submit(registry, listOf(5, entry(1, "number = 2"))))).toBe("conflict");
      expect(codeOf(submit(registry, listOf(5, entry(1, "number = 1", "none"))))).toBe("conflict");
      expect(codeOf(submit(registry, listOf(5, entry(1, "number = 1"))))).toBe("accepted");
    });

    test("a removal before its list: the entry never holds", () => {
      const registry = fleetOf(1);
      submit(registry, { name: "advisory-removal", value: removal });
      submit(registry, { name: "advisory-list", value: list });
      expect(registry.device().level).toBe("none");
      expect(only("advisories-issued", registry.advise("number = 1", "observe")).entries).toMatchObject([
        { id: 4 },
      ]);
    });

    test("a rule that would not be read back is refused", () => {
      const values = range(16).map((i) => `${"\u00a0".repeat(14)}${i}`);
      const long = { op: "in", fact: "model", values } as const;
      const bad = listOf(1, { id: 1, match: long, level: "isolate", reason: "lost" });
      const signed = "not looked at";
      const request = { type: "document", ...bad, signed } as unknown as DocumentRequest;
      const registry = fleetOf(1);
      expect(codeOf(registry.ask(request))).toBe("bad-request");
    });
  });
});
