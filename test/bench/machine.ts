/** On what a bench ran, as a reader of its figures needs it. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { mosquittoVersion } from "./connect-mosquitto.js";

/** One sentence, with the versions of whatever takes part. */
export function machineLine(): string {
  const { node, openssl } = process.versions;
  const aedes = installed("aedes");
  const cores = availableParallelism();
  return `${cores} cores, shared by all that takes part; Node ${node} (OpenSSL ${openssl}), aedes ${aedes}, ${mosquittoVersion()}.`;
}

function installed(name: string): string {
  const path = join(import.meta.dirname, "../../node_modules", name, "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
