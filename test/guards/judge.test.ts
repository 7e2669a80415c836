/** The guard runner must itself be able to fail: what counts as red, and which patches do not fit. */
import { describe, expect, test } from "vitest";
import type { Guard } from "./guard.js";
import { notGreen, notRed, patched, type Report } from "./judge.js";

const guard: Guard = {
  name: "no older version is accepted",
  file: "device/machine.ts",
  find: "if (older) return;",
  replace: "",
  test: { file: "test/stories/rollback.test.ts", name: "P3: older is refused" },
};

/** A report on `guard`'s test file, with one test of this status. */
function report(status: string, failure?: string, fullName = "story P3: older is refused (lease)"): Report {
  const failureMessages = failure === undefined ? [] : [failure];
  return {
    testResults: [
      {
        name: `/copy/${guard.test.file}`,
        message: "",
        assertionResults: [{ fullName, status, failureMessages }],
      },
    ],
  };
}
const broken: Report = {
  testResults: [
    { name: `/copy/${guard.test.file}`, message: "Transform failed\n at 3:1", assertionResults: [] },
  ],
};

describe("a patch", () => {
  test("replaces the one place, to the letter", () => {
    expect(patched("a();\nif (older) return;\nb();", { ...guard, replace: "$&" })).toBe("a();\n$&\nb();");
  });
  test.each([
    ["nowhere", "a();"],
    ["twice", "if (older) return; if (older) return;"],
  ])("that fits %s is refused", (_where, source) => {
    expect(() => patched(source, guard)).toThrow(/stands \d times in device\/machine\.ts/);
  });
});

describe("red", () => {
  test.each([
    ["an assertion that failed", report("failed", "AssertionError: expected 1 to be 2")],
    ["an error thrown by the code", report("failed", "ProtocolError: not ours")],
  ])("is %s", (_what, given) => {
    expect(notRed(given, guard)).toBeUndefined();
  });
  test.each([
    ["a test that passed", report("passed")],
    ["a test that did not run", report("skipped")],
    ["another test", report("failed", "AssertionError: no", "story P3: newer is accepted")],
    ["code that does not load", broken],
    ["code that does not run", report("failed", "ReferenceError: older is not defined")],
    ["a timeout", report("failed", "Error: Test timed out in 60000ms.")],
    ["an empty report", { testResults: [] }],
  ])("is not %s", (_what, given) => {
    expect(notRed(given, guard)).toEqual(expect.any(String));
  });
});

describe("green", () => {
  test("is a test that passed", () => {
    expect(notGreen(report("passed"), guard)).toBeUndefined();
  });
  test.each([
    ["a test that failed", report("failed", "AssertionError: no")],
    ["a test that did not run", report("skipped")],
    ["another test", report("passed", undefined, "story P3: newer is accepted")],
    ["code that does not load", broken],
    ["an empty report", { testResults: [] }],
  ])("is not %s", (_what, given) => {
    expect(notGreen(given, guard)).toEqual(expect.any(String));
  });
});
