/**
 * Writes test/vectors/*.json, the same bytes in every run:
 *
 *     npm run vectors
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Cddl, parseCddl } from "../cddl/cddl.js";
import { chainVectors } from "./chain-vectors.js";
import { envelopeVectors } from "./envelope-vectors.js";
import { frameVectors } from "./frame-vectors.js";
import { vectorFile } from "./json.js";
import { ledgerVectors } from "./ledger-vectors.js";
import { MESSAGES, messageVectors } from "./message-vectors.js";
import { quorumVectors } from "./quorum-vectors.js";
import { strictVectors } from "./strict-vectors.js";

export function readDaymarkCddl(): Cddl {
  return parseCddl(readFileSync(join(import.meta.dirname, "../../protocol/daymark.cddl"), "utf8"));
}

/** File name → text. */
export function vectorFiles(): ReadonlyMap<string, string> {
  const cddl = readDaymarkCddl();
  return new Map([
    ["strict.json", vectorFile(strictVectors())],
    ["frame.json", vectorFile(frameVectors())],
    ["envelope.json", vectorFile(envelopeVectors())],
    ["ledger-coding.json", vectorFile(ledgerVectors())],
    ["quorum.json", vectorFile(quorumVectors())],
    ["authority-chain.json", vectorFile(chainVectors())],
    ...MESSAGES.map(
      (message) => [`${message.name}.json`, vectorFile(messageVectors(cddl, message))] as const,
    ),
  ]);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) {
  for (const [name, text] of vectorFiles()) writeFileSync(join(import.meta.dirname, name), text);
}
