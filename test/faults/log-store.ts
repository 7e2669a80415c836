/** An event log by itself as a `Store`: one writer process, and what it said that was acknowledged. */
import { join } from "node:path";
import type { Program } from "../stories/device-process.js";
import { logIn, storedRecords } from "./log-records.js";
import type { Store, Writing } from "./power.js";
import { Victim } from "./victim.js";

const WRITER = join(import.meta.dirname, "log-writer.ts");

/** "unsynced": what no store may be, to show that the cuts cut. */
export type Kind = readonly ["lmdb"] | readonly ["unsynced"] | readonly ["jetstream", address: string];

/** Of "jetstream" a worker's machine loses its power, and nats-server is elsewhere: only the copy is looked at. */
export function logStore(...kind: Kind): Store {
  return {
    most: 400,
    start: (folder) => startWriter(kind, folder),
    stored: (folder) => storedRecords(logIn(folder)),
  };
}

/** @param env - more of it. @returns a writer that has not begun. */
export async function openWriter(
  kind: Kind,
  folder: string,
  env: NodeJS.ProcessEnv = {},
): Promise<LogWriter> {
  const writer = new LogWriter(kind, folder, env);
  await writer.said("ready");
  return writer;
}

async function startWriter(kind: Kind, folder: string): Promise<Writing> {
  const writer = await openWriter(kind, folder);
  writer.begin();
  return writer;
}

export class LogWriter implements Writing {
  readonly acknowledged = new Set<string>();
  /** What it said of how its appends ended. */
  readonly remarks: string[] = [];
  readonly victim: Victim;
  #onLine: () => void = () => undefined;

  constructor([store, ...rest]: Kind, folder: string, env: NodeJS.ProcessEnv) {
    const command: Program = [process.execPath, "--import", import.meta.resolve("tsx"), WRITER];
    this.victim = new Victim(
      [...command, store, logIn(folder), ...rest],
      (line) => {
        if (/^\d/.test(line)) this.acknowledged.add(line);
        else this.remarks.push(line);
        this.#onLine();
      },
      env,
    );
  }

  begin(): void {
    this.victim.tell("begin");
  }

  said(remark: string): Promise<void> {
    return this.#until(() => this.remarks.includes(remark));
  }

  more(count: number): Promise<void> {
    const enough = this.acknowledged.size + count;
    return this.#until(() => this.acknowledged.size >= enough);
  }

  async freeze(): Promise<void> {
    await this.victim.freeze();
  }

  async kill(): Promise<void> {
    await this.victim.kill();
  }

  /** @throws when it ends before. */
  async #until(condition: () => boolean): Promise<void> {
    const come = new Promise<void>((resolve) => {
      this.#onLine = () => condition() && resolve();
      this.#onLine();
    });
    const over = this.victim.ended.then(() => {
      throw new Error(`the writer ended: ${this.victim.stderr}`);
    });
    await Promise.race([come, over]);
    over.catch(() => undefined);
  }
}
