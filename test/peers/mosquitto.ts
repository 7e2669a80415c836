/** Runs the real mosquitto_pub and mosquitto_sub, with a certificate from files as any MQTT client would. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificatesToPem } from "../../protocol/x509/pem.js";

export interface Outcome {
  /** Null when it was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A client that hangs is killed after this; then its exit code is null. */
const LIMIT_MS = 30_000;

/** @throws Error when mosquitto's clients are not installed. */
export function mosquitto(
  program: "mosquitto_pub" | "mosquitto_sub",
  args: readonly string[],
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { timeout: LIMIT_MS, killSignal: "SIGKILL" });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", (cause) =>
      reject(new Error(`${program} did not start: run: bash test/setup.sh`, { cause })),
    );
    child.once("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** Files with certificates and keys, in a folder that only its user can read. */
export class Wallet {
  readonly #folder = mkdtempSync(join(tmpdir(), "daymark-mosquitto-"));
  #files = 0;

  /** @returns the path of a new file. */
  write(text: string): string {
    const path = join(this.#folder, `${++this.#files}.pem`);
    writeFileSync(path, text, { mode: 0o600, flag: "wx" });
    return path;
  }

  certificates(chain: readonly Uint8Array[]): string {
    return this.write(certificatesToPem(...chain));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
