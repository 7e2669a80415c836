/** When a lease counts: the device's vector has reached the one that the lease names (I3). */
import { describe, expect, test } from "vitest";
import { type HeldVector, reaches, type RequiredVector } from "../../protocol/vector.js";
import { compareVersions, type Version } from "../../protocol/version.js";
import { filled } from "../vectors/examples.js";

const hash = filled("hash", 8);
const at = (term: number, n: number) => ({ version: [term, n] as const, hash });

const required: RequiredVector = {
  authority: 2,
  ledger: [1, 41],
  advisories: [1, 3],
  removals: [1, 2],
  directive: [1, 7],
  release: [1, 6],
  level: "observe",
};
const held: HeldVector = {
  authority: { version: 2, hash },
  ledger: at(1, 41),
  advisories: at(1, 3),
  removals: at(1, 2),
  directive: at(1, 7),
  release: at(1, 6),
  level: "observe",
};

describe("a device that holds exactly what is required", () => {
  test.each<[string, Partial<HeldVector>, boolean]>([
    ["has reached it", {}, true],
    ["has not with an older authority", { authority: { version: 1, hash } }, false],
    ["has with a newer authority", { authority: { version: 3, hash } }, true],
    ["has not with an older ledger", { ledger: at(1, 40) }, false],
    ["has not with no ledger", { ledger: undefined }, false],
    ["has with a newer ledger", { ledger: at(1, 42) }, true],
    ["has not with an older advisory list", { advisories: at(1, 2) }, false],
    ["has not with no advisory list", { advisories: undefined }, false],
    ["has with a newer advisory list", { advisories: at(1, 4) }, true],
    ["has not with an older removal", { removals: at(1, 1) }, false],
    ["has not with no removal", { removals: undefined }, false],
    ["has not with a newer removal: the lease names another one", { removals: at(1, 3) }, false],
    ["has not with an older directive", { directive: at(1, 6) }, false],
    ["has not with no directive", { directive: undefined }, false],
    ["has with a newer directive", { directive: at(1, 8) }, true],
    ["has with a directive of a later term", { directive: at(2, 1) }, true],
    ["has not with a directive of an earlier term", { directive: at(0, 9) }, false],
    ["has not with an older release", { release: at(1, 5) }, false],
    ["has not with no release", { release: undefined }, false],
    ["has not with a newer release: the lease names another one", { release: at(1, 9) }, false],
    ["has not at a lower level", { level: "none" }, false],
    ["has at a higher level", { level: "isolate" }, true],
  ])("%s", (_name, change, want) => {
    expect(reaches({ ...held, ...change }, required)).toBe(want);
  });
});

describe("where nothing was issued", () => {
  const nothing: RequiredVector = {
    authority: 1,
    ledger: [0, 0],
    advisories: [0, 0],
    removals: [0, 0],
    directive: [0, 0],
    release: [0, 0],
    level: "none",
  };
  const born: HeldVector = { authority: { version: 1, hash }, level: "none" };
  test.each<[string, Partial<HeldVector>, boolean]>([
    ["a device that holds nothing has reached it", {}, true],
    ["so has one with a directive that the fleet forgot", { directive: at(1, 1) }, true],
    ["but not one with a release that the fleet forgot", { release: at(1, 1) }, false],
  ])("%s", (_name, change, want) => {
    expect(reaches({ ...born, ...change }, nothing)).toBe(want);
  });
});

test.each<[Version, Version, number]>([
  [[1, 1], [1, 1], 0],
  [[1, 1], [1, 2], -1],
  [[2, 0], [1, 9], 1],
  [[0, Number.MAX_SAFE_INTEGER], [1, 0], -1],
])("%j against %j: the term goes first", (a, b, want) => {
  expect(Math.sign(compareVersions(a, b))).toBe(want);
});
