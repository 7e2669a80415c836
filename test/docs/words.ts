/** Tables of words in docs/protocol.md: levels, roles, alarms, facts, with their numbers from the source. */
import { frameAllowed, messageAllowed } from "../../broker/admission.js";
import { alarmLevel } from "../../device/alarms.js";
import { ISSUER_PURPOSES, type Role, ROLES } from "../../protocol/authority.js";
import { COSE_ALGORITHMS } from "../../protocol/cose.js";
import { type Level, LEVELS } from "../../protocol/level.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { type RoleReason, SESSION_ROLES, type SessionRole } from "../../protocol/notice.js";
import { FACTS, type FactName } from "../../protocol/predicate.js";
import { ALARM_KINDS } from "../../protocol/sync.js";
import { numbered, table } from "./markdown.js";

/** Marker → Markdown. */
export function wordTables(): ReadonlyMap<string, string> {
  return new Map([
    ["words", wordTable()],
    ["roles", roleTable()],
    ["sessions", sessionTable()],
    ["levels", levelTable()],
    ["alarms", alarmTable()],
    ["facts", factTable()],
  ]);
}

type AlarmKind = keyof typeof ALARM_KINDS;

/** What keys sign beside the documents that are declared as theirs. */
const ALSO_SIGNS: Partial<Record<Role, string>> = {
  root: "[`authority`](#authority)",
  factory: "(link 0)",
  transfer: "[`voucher`](#voucher) (every link after that)",
};
const KEY_ROLES: Record<Role, string> = {
  root: "says who the others are",
  hold: "raises levels, never lowers one; asks for new keys, restarts, proofs",
  release: "lowers levels, wipes, revokes for good",
  lease: "says what is current, and the time",
  ledger: "says who is denied",
  factory: "says whose a device is at its birth",
  transfer: "gives a device to another owner",
};
const LEVEL_MEANINGS: Record<Level, string> = {
  none: "all that its application may do",
  observe: "as `none`; somebody looks closely",
  restrict: "sync, links, ledger and receipts; no application messages, no new certificate",
  isolate: "the same; and its number is in the ledger, so that peers refuse it",
  revoked: "be told so when it syncs, and nothing else, for good",
};
const ALARM_MEANINGS: Record<AlarmKind, string> = {
  rollback: "what is stored is older than the counter beside it says",
  tamper: "what is stored is newer than the counter beside it allows, or the hardware noticed something",
  unreadable: "a directive for it is signed well and newer, and cannot be read",
  fork: "somebody signed the same version twice with different content, or broke the rules of a list",
  lost: "nothing of what was stored can be read but the papers of its birth",
};
const FACT_NOTES: Partial<Record<FactName, string>> = {
  station: "; the station certificate that comes with your IDevID names it",
};
function wordTable(): string {
  const words = {
    level: LEVELS,
    "key role": ROLES,
    algorithm: COSE_ALGORITHMS,
    "issuer purpose": ISSUER_PURPOSES,
    "alarm kind": ALARM_KINDS,
    "session role": SESSION_ROLES,
  };
  const rows = Object.entries(words).map(([what, numbers]) => [
    what,
    Object.entries(numbers)
      .map(([word, number]) => `${number} \`${word}\``)
      .join(", "),
  ]);
  return table(["What", "Numbers"], rows);
}

function roleTable(): string {
  const rows = (Object.keys(ROLES) as Role[]).map((role) => {
    const own = SIGNED_MESSAGES.filter((message) => "signedBy" in message && message.signedBy === role);
    const [also = ""] = [ALSO_SIGNS[role]];
    const signs = [own.map(({ name }) => `[\`${name}\`](#${name})`).join(", "), also];
    return [String(ROLES[role]), `\`${role}\``, signs.join(" ").trim(), KEY_ROLES[role]];
  });
  return table(["Number", "Role", "Signs", "So it"], rows, [0]);
}

/** What a gateway lets through, asked of the gateway's own rules. */
function sessionTable(): string {
  const sessions: readonly (readonly [string, SessionRole, RoleReason])[] = [
    ["`lobby`", "lobby", "no-certificate"],
    ["`pledge`", "pledge", "not-enrolled"],
    ["`held`", "held", "quarantined"],
    ["`held`, reason `revoked`", "held", "revoked"],
    ["`device`", "device", "ok"],
  ];
  const rows = sessions.map(([name, role, reason]) => [
    name,
    namesOf(SIGNED_MESSAGES.filter(({ type }) => messageAllowed({ role, reason }, type))),
    namesOf(PLAIN_MESSAGES.filter(({ type }) => frameAllowed({ role, reason }, type))),
  ]);
  return table(["Role", "Envelopes", "Frames"], rows);
}

function namesOf(messages: readonly { readonly name: string }[]): string {
  return messages.length === 0 ? "none" : messages.map(({ name }) => `\`${name}\``).join(", ");
}

function levelTable(): string {
  return table(["Number", "Level", "The device may"], numbered(LEVELS, LEVEL_MEANINGS), [0]);
}

function alarmTable(): string {
  const rows = (Object.keys(ALARM_KINDS) as AlarmKind[]).map((kind) => [
    String(ALARM_KINDS[kind]),
    `\`${kind}\``,
    `\`${alarmLevel([{ id: 1, kind }])}\``,
    ALARM_MEANINGS[kind],
  ]);
  return table(["Number", "Alarm", "Counts as", "When"], rows, [0]);
}

function factTable(): string {
  const rows = (Object.keys(FACTS) as FactName[]).map((name) => {
    const { key, type, doc } = FACTS[name];
    return [String(key), `\`${name}\``, `\`${type.label}\``, `${doc}${FACT_NOTES[name] ?? ""}`];
  });
  return table(["Fact", "Name", "Value", "What it is"], rows, [0]);
}
