/** Pure part of the guard runner: apply a patch, and read from vitest's JSON report what the test said. */
import type { Guard } from "./guard.js";

/** The part of vitest's JSON report that we read. */
export interface Report {
  readonly testResults: readonly {
    /** Absolute path of the test file. */
    readonly name: string;
    /** Why the file did not load; empty when it did. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      /** "passed", "failed"; anything else did not run. */
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/** As much of a load error as goes on one line. */
const REASON_CHARACTERS = 300;

/** Failures that show a broken patch or a slow machine, not a guard that is missed. */
const NOT_AN_ANSWER: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^(?:ReferenceError|SyntaxError)\b/, "the patched code does not run; change the patch"],
  [/\b(?:Test|Hook) timed out in /, "the test timed out; make it fail on an assertion"],
];

/** @throws Error when `find` does not stand exactly once in the file. */
export function patched(source: string, { file, find, replace }: Guard): string {
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`the text to find stands ${times} times in ${file}; it must stand once`);
  return source.replace(find, () => replace);
}

/** Undefined when the named test ran and passed, else why not. */
export function notGreen(report: Report, guard: Guard): string | undefined {
  const { ran, loadError } = outcome(report, guard);
  if (loadError) return `${guard.test.file} does not load: ${loadError}`;
  if (ran.length === 0) return `no test ran in ${guard.test.file} whose title holds "${guard.test.name}"`;
  const failed = ran.find(({ status }) => status === "failed");
  return failed && `red before any patch: ${failed.fullName}`;
}

/** Undefined when the named test ran and failed for a reason that counts, else why not. */
export function notRed(report: Report, guard: Guard): string | undefined {
  const { ran, loadError } = outcome(report, guard);
  if (loadError) return `the patched code does not load; change the patch: ${loadError}`;
  if (ran.length === 0) return "the test did not run";
  const reasons = ran
    .filter(({ status }) => status === "failed")
    .map((test) => test.failureMessages?.[0] ?? "");
  if (reasons.length === 0) return "the test stays green without the guard";
  const verdicts = reasons.map((reason) => NOT_AN_ANSWER.find(([pattern]) => pattern.test(reason))?.[1]);
  return verdicts.includes(undefined) ? undefined : verdicts[0];
}

function outcome(report: Report, { test }: Guard) {
  const file = report.testResults.find(({ name }) => name.replaceAll("\\", "/").endsWith(`/${test.file}`));
  const ran = (file?.assertionResults ?? []).filter(
    ({ fullName, status }) => fullName.includes(test.name) && (status === "passed" || status === "failed"),
  );
  // a failing hook also leaves a message, but then its tests are listed
  const loadError = file && file.assertionResults.length === 0 ? shortened(file.message) : undefined;
  return { ran, loadError };
}

function shortened(text = "no reason given"): string {
  return text.replaceAll(/\s+/g, " ").slice(0, REASON_CHARACTERS);
}
