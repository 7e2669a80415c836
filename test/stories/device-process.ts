/** `daymark device run` as a process that a test may kill at any moment, and what it leaves in its folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { type FSWatcher, readdirSync, watch } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { storesIn } from "../../device/adapters/folder.js";
import { storedIn } from "../../device/stored.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { reopenEnvelope } from "../../protocol/envelope.js";
import { Release } from "../../protocol/release.js";
import { NO_VERSION } from "../../protocol/version.js";
import type { Kept } from "./kept.js";

/** What stands before `device run`: the program and its own arguments. */
export type Program = readonly [command: string, ...args: string[]];

const MAIN = "fleet/cli/main";
const ROOT = join(import.meta.dirname, "../..");
/** As it is shipped: needs `npm run build`. */
export const BUILT: Program = [process.execPath, join(ROOT, `dist/${MAIN}.js`)];
/** From source. */
export const SOURCE: Program = [
  process.execPath,
  "--import",
  import.meta.resolve("tsx"),
  join(ROOT, `${MAIN}.ts`),
];

/** Left in a folder by a save that was cut off (protocol/adapters/atomic-file.ts). */
const UNFINISHED = /^\..*\.new$/;

const FAILED = /"type":"failed"/;
/** A device that does not stop within this time is taken for one that never will. */
const PATIENCE_MS = 30_000;

interface Seen {
  /** It said something on stdout. */
  line: [string];
  /** Something changed in its folder. */
  file: [];
}

/** Ends with `kill` or `stop`. */
export class DeviceProcess extends EventEmitter<Seen> {
  readonly #child: ChildProcess;
  readonly #watchers: readonly FSWatcher[];
  readonly #end: Promise<unknown>;
  #said = "";

  /** @param gateway - `host:port`. */
  constructor(program: Program, folder: string, gateway: string) {
    super();
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    this.#watchers = [folder, ...folders.map(({ name }) => join(folder, name))].map((path) =>
      watch(path, () => this.emit("file")),
    );
    const [command, ...args] = program;
    const run = ["device", "run", "--dir", folder, "--gateway", gateway, "--heartbeat", "0", "-j"];
    const child = spawn(command, [...args, ...run], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#end = once(child, "close");
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (FAILED.test(line)) this.#said += line;
      this.emit("line", line);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
  }

  /** @throws when it had ended before, which is nothing that a device does by itself. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = await this.#ended("SIGKILL");
    if (signalCode !== "SIGKILL")
      throw new Error(`it had ended by itself, ${exitCode ?? signalCode}: ${this.#said}`);
  }

  /** As a service manager stops it. @throws when it does not stop, or not well. */
  async stop(): Promise<void> {
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    const { exitCode, signalCode } = await this.#ended("SIGTERM");
    clearTimeout(patience);
    if (signalCode === "SIGKILL") throw new Error(`it was told to stop, and ran on: ${this.#said}`);
    // One that was told before it listens is ended by the system.
    if (exitCode !== 0 && signalCode !== "SIGTERM")
      throw new Error(`it ended with ${exitCode}: ${this.#said}`);
  }

  async #ended(by: NodeJS.Signals): Promise<Pick<ChildProcess, "exitCode" | "signalCode">> {
    this.#child.kill(by);
    await this.#end;
    for (const watcher of this.#watchers) watcher.close();
    return this.#child;
  }
}

/** What the folder of a device that does not run holds. Looks at a copy: to open a store may mend it. */
export async function look(folder: string): Promise<Kept & { readonly unfinished: boolean }> {
  const copy = await mkdtemp(join(tmpdir(), "daymark-look-"));
  try {
    await cp(folder, copy, { recursive: true });
    const { store } = storesIn(copy);
    const { holds } = await storedIn(store, nodeCrypto);
    const { record, doubt } = (await store.load()) ?? {};
    const freed = record?.freed && reopenEnvelope(Release, record.freed, nodeCrypto).value;
    return {
      holds,
      freed: { version: freed?.version ?? NO_VERSION, level: freed?.level ?? "none" },
      signedSeconds: record?.signedSeconds ?? 0,
      doubt: doubt ?? record?.alarms[0]?.kind ?? "none",
      unfinished: readdirSync(folder, { recursive: true, encoding: "utf8" }).some((path) =>
        UNFINISHED.test(path.split("/").at(-1) ?? ""),
      ),
    };
  } finally {
    await rm(copy, { recursive: true });
  }
}
