/** What became of a bundle that was brought to the server, item by item. */
import { splitBundle } from "../../protocol/bundle.js";
import type { AppliedBundle, AppliedItem } from "../api/bundles.js";
import { type DocumentWords, documentWords } from "./document-words.js";
import { CliError, EXIT } from "./exit.js";
import type { FleetClient } from "./http.js";
import { printJson, printTable } from "./output.js";

export interface Applied extends Pick<AppliedBundle, "answers" | "unanswered"> {
  readonly items: readonly (DocumentWords & AppliedItem)[];
}

/** @throws CliError; ProtocolError for what is no bundle. */
export async function applyBundle(client: FleetClient, bundle: Uint8Array): Promise<Applied> {
  const words = splitBundle(bundle).map(documentWords);
  const applied = await client.postBundle<AppliedBundle>("/v1/bundle", bundle);
  return { ...applied, items: applied.items.map((item, i) => ({ ...words[i]!, ...item })) };
}

export function printApplied(
  stdout: NodeJS.WriteStream,
  { items, unanswered }: Applied,
  json: boolean,
): void {
  if (json) return printJson(stdout, { items, unanswered });
  const rows = items.map(({ document, about, version, says, result, code, text, missing }, i) => {
    const lacks = missing === undefined ? "" : `; missing signatures: ${missing}`;
    const why = code === undefined ? says : `${code}: ${text ?? ""}${lacks}`;
    return [String(i + 1), document, about, version, result, why];
  });
  printTable(stdout, [["ITEM", "DOCUMENT", "ABOUT", "VERSION", "RESULT", "SAYS, OR WHY NOT"], ...rows]);
}

/** @throws CliError "conflict" when nothing but signatures is missing, else "failed". */
export function assertAllTaken({ items }: Applied): void {
  const refused = items.filter(({ result }) => result === "refused");
  if (refused.length === 0) return;
  const onlySignatures = refused.every(({ missing }) => missing !== undefined);
  throw new CliError(
    onlySignatures ? EXIT.conflict : EXIT.failed,
    `${refused.length} of ${items.length} documents were not taken${onlySignatures ? ": signatures are missing" : ""}`,
  );
}
