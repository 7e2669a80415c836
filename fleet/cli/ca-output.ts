/** How an Authority, and the signatures that it still needs, look on a terminal. */
import type { Authority } from "../../protocol/authority.js";
import { toHex } from "../../protocol/bytes.js";
import { keyId } from "../../protocol/cose.js";
import type { Crypto } from "../../protocol/crypto.js";
import { timestamp } from "../api/json.js";
import type { SigningState } from "../ceremony-signing.js";
import { freshnessText } from "./freshness.js";
import { NOTHING } from "./output.js";

/** Names and values, one a line. What is another than in `before` is marked: it is what people sign for. */
export function authorityLines(
  { value, fleetId }: Pick<SigningState, "value" | "fleetId">,
  before: Authority | undefined,
  crypto: Crypto,
): Readonly<Record<string, string>> {
  const now = linesOf(value, crypto);
  const then = before && linesOf(before, crypto);
  const marked = Object.entries(now).map(([name, text]) => {
    const changed = then && name !== "version" && then[name] !== text;
    return [name, changed ? `${text}  (was ${then[name] ?? "not there"})` : text] as const;
  });
  const gone = Object.entries(then ?? {}).filter(([name]) => !Object.hasOwn(now, name));
  const ended = gone.map(([name, text]) => [name, `${NOTHING}  (was ${text})`] as const);
  return { fleet: toHex(fleetId), ...Object.fromEntries([...marked, ...ended]) };
}

function linesOf(authority: Authority, crypto: Crypto): Record<string, string> {
  const { terms, anchors, issuers, freshness, models = [] } = authority;
  const fingerprint = (der: Uint8Array) => toHex(crypto.sha256(der).subarray(0, 8));
  const lines: Record<string, string> = { version: String(authority.version), name: authority.name };
  for (const { role, keys, threshold } of authority.roles)
    lines[role] = `${threshold} of ${keys.length}: ${keys.map((key) => toHex(keyId(key, crypto))).join(" ")}`;
  lines["terms"] =
    `directive ${terms.directive}, advisory ${terms.advisory}, ledger ${terms.ledger}, ` +
    `time ${terms.time} from ${timestamp(terms.timeBase)}`;
  lines["freshness"] = freshnessText(freshness);
  for (const { model, freshness: own } of models) lines[`freshness of ${model}`] = freshnessText(own);
  lines["X.509 roots"] = anchors.map(fingerprint).join(" ");
  for (const purpose of new Set(issuers.map((issuer) => issuer.purpose))) {
    const own = issuers.filter((issuer) => issuer.purpose === purpose);
    lines[`${purpose} CAs`] = own.map(({ certificate }) => fingerprint(certificate)).join(" ");
  }
  return lines;
}

/** In one sentence, what is still to be done. */
export function missingText({ missing, value }: SigningState): string {
  const { own, before } = missing;
  if (own + before === 0) return "complete: all signatures that it needs are there";
  const parts = [
    ...(before > 0 ? [`${before} by root keys of version ${value.version - 1}`] : []),
    ...(own > 0 ? [`${own} by root keys of its own`] : []),
  ];
  return `still missing: ${parts.join(" and ")}`;
}
