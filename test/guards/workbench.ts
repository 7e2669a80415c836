/** A throw-away copy of the source in which a guard can be taken away, and vitest run on what is left. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Report } from "./judge.js";

const ROOT = join(import.meta.dirname, "../..");
/** Not copied: built, fetched or left behind by a run. */
const NOT_SOURCE = new Set(["node_modules", "dist", "coverage", "daymark-data", ".git"]);
/** A vitest run that takes longer is killed and counts as no answer. */
const RUN_LIMIT_MS = 300_000;
/** Without its guard a test may wait for what never comes; the same shorter wait holds for the unpatched run. */
const ENVIRONMENT = { ...process.env, DAYMARK_TEST_PATIENCE_MS: "4000" };
/** Likewise, of one test: half of what it has otherwise. */
const TEST_LIMIT_MS = 30_000;

export class Workbench {
  readonly #folder = mkdtempSync(join(tmpdir(), "daymark-guards-"));

  constructor() {
    cpSync(ROOT, this.#folder, { recursive: true, filter: (path) => !NOT_SOURCE.has(basename(path)) });
    symlinkSync(join(ROOT, "node_modules"), join(this.#folder, "node_modules"), "dir");
  }

  read(file: string): string {
    return readFileSync(join(this.#folder, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.#folder, file), text);
  }

  /**
   * Runs the tests of `files` whose full title holds one of `names`.
   * @throws Error when vitest ends without a report.
   */
  async run(files: readonly string[], names: readonly string[]): Promise<Report> {
    const report = join(this.#folder, "report.json");
    rmSync(report, { force: true });
    const titles = names.map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
    const flags = ["--config=test/vitest.config.ts", "--reporter=json", `--outputFile=${report}`];
    // Kept from run to run by what a file holds, so a patched one is read anew: half of a run was spent on the others.
    const cache = [
      "--experimental.fsModuleCache",
      `--experimental.fsModuleCachePath=${this.#folder}/.modules`,
    ];
    const which = [
      ...cache,
      "--maxWorkers=1",
      `--testTimeout=${TEST_LIMIT_MS}`,
      `--testNamePattern=${titles}`,
      ...files,
    ];
    const output = await node(this.#folder, ["node_modules/vitest/vitest.mjs", "run", ...flags, ...which]);
    try {
      return JSON.parse(readFileSync(report, "utf8")) as Report;
    } catch {
      throw new Error(`vitest wrote no report: ${output.trim().slice(-2000)}`);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves with all output when the process ends, whatever its exit code. */
function node(cwd: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: ENVIRONMENT,
      timeout: RUN_LIMIT_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}
