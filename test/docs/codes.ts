/** Tables of answers in docs/protocol.md: errors, reasons, refusals, verdicts on peers, from the source. */
import type { PeerVerdict } from "../../device/peers.js";
import { ERROR_CODES, type ErrorCode, ROLE_REASONS, type RoleReason } from "../../protocol/notice.js";
import { numbered, readDocument, table } from "./markdown.js";

/** Marker → Markdown. */
export function codeTables(): ReadonlyMap<string, string> {
  return new Map([
    ["errors", errorTable()],
    ["reasons", reasonTable()],
    ["refusals", refusalTable()],
    ["verdicts", verdictTable()],
  ]);
}

const REASONS: Record<RoleReason, string> = {
  ok: "nothing is withheld",
  "no-certificate": "none was shown: this is the lobby",
  "bad-certificate":
    "it does not verify, or opens nothing here: with an LDevID, come back once with the IDevID",
  "not-enrolled": "a factory identity alone: enroll",
  expired: "the LDevID has ended, or the IDevID was shown after enrollment: return",
  future: "it is not valid yet, by the gateway's clock: come back later",
  quarantined: "held at `restrict` or above: sync",
  "pending-import": "not said by gateways yet; an error has the same name",
  "old-generation": "its keys were replaced: come back later",
  revoked: "for good: a sync is answered without a lease",
  suspected: "two seem to hold these keys: sync; an operator decides",
};
const ERROR_ACTIONS: Record<ErrorCode, string> = {
  malformed: "ask for what the state asks for, after the pause; the fault is in your program",
  denied: "ask anew after the pause; an LDevID: come back once with the IDevID; a `return`: enroll",
  "pending-import": "send the same request after the pause",
  held: "the notice of a new role follows, or came before: sync",
  revoked: "nothing else is left to ask; sync again after the pause, ever more seldom",
  "retry-later": "the same after the pause",
  "fleet-unreachable": "the same after the pause",
  "not-allowed": "nothing: the notice of your new role says what to do",
  "approval-pending": "send the same request after the pause",
  expired: "ask for a `return` instead of a `renew`",
  suspected: "sync, ever more seldom; an operator vouches for you, or gives you a ticket",
  superseded: "tell a person: only a re-enrollment with a ticket helps",
  "bad-ticket": "go on without the ticket, and tell a person; it may be shown again on another connection",
  "not-enrolled": "enroll",
};
type Verdict = PeerVerdict["verdict"];
type Reason = PeerVerdict["reason"];
/** In the order in which they are tried: the first that is so decides. */
const VERDICTS: Record<Reason, readonly [Verdict, string]> = {
  certificate: ["unknown", "its chain does not verify, or is of another fleet"],
  "not-operational": ["unknown", "it is no LDevID"],
  "number-denied": ["denied", "its number is in the denied set that you hold, however old that is"],
  "generation-denied": [
    "denied",
    "its generation is below the lowest for its number: keys that were replaced",
  ],
  level: [
    "denied",
    "its own lease, also one that ended, shows `isolate` or more; where the rule says _below restrict_, `restrict` too",
  ],
  "no-ledger": ["unknown", "you hold none"],
  "no-rule": ["unknown", "nobody gave a rule for this action"],
  "no-time": ["stale", "you have never heard signed time"],
  "certificate-expired": ["stale", "its LDevID, or a CA above it, has ended"],
  "certificate-future": ["stale", "one of them has not begun"],
  "ledger-term": ["stale", "your Beacon is of an earlier term than the Authority names"],
  "ledger-age": ["stale", "your Beacon was issued longer ago than the rule allows"],
  "lease-missing": ["stale", "the rule asks for a lease, and none came that verifies and is about this peer"],
  "lease-term": ["stale", "its lease has another term of time than the Authority names"],
  "lease-ended": ["stale", "its lease has ended"],
  "lease-age": ["stale", "its lease was issued longer ago than the rule allows"],
  "in-order": ["trusted", "none of the above"],
  "stale-accepted": [
    "trusted",
    "in place of `stale`, where the rule is open; the reason for `stale` is told too",
  ],
};

function verdictTable(): string {
  const rows = Object.entries(VERDICTS).map(([reason, [verdict, when]]) => [
    `\`${verdict}\``,
    `\`${reason}\``,
    when,
  ]);
  return table(["Answer", "Reason", "When"], rows);
}

function errorTable(): string {
  const means = commentsOf("protocol/notice.ts", "ERROR_CODES", ERROR_CODES);
  const rows = numbered(ERROR_CODES, means).map((row, i) => [
    ...row,
    ERROR_ACTIONS[Object.keys(ERROR_CODES)[i] as ErrorCode],
  ]);
  return table(["Number", "Code", "Means", "What to do"], rows, [0]);
}

function reasonTable(): string {
  return table(["Number", "Reason", "Means"], numbered(ROLE_REASONS, REASONS), [0]);
}

function refusalTable(): string {
  const rows = [
    ...readDocument("protocol/errors.ts").matchAll(/^ {2}\| "([a-z-]+)"(?:;)?(?: \/\/ (.+))?$/gm),
  ];
  return table(
    ["Code", "Bytes are refused because"],
    rows.map(([, code, why]) => [`\`${code}\``, why ?? "the signature does not verify"]),
  );
}

/** The comment beside each entry of a list in the source. */
function commentsOf<W extends string>(
  file: string,
  name: string,
  numbers: Readonly<Record<W, number>>,
): Record<W, string> {
  const declaration = readDocument(file).split(`export const ${name} = {`)[1]?.split("}")[0] ?? "";
  const entries = (Object.keys(numbers) as W[]).map((word) => {
    const comment = new RegExp(`\\b${word}"?: ${numbers[word]}, // (.+)`).exec(declaration)?.[1];
    if (comment === undefined) throw new RangeError(`${file}: ${name}.${word} has no comment`);
    return [word, comment] as const;
  });
  return Object.fromEntries(entries) as Record<W, string>;
}
