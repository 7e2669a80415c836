/**
 * What a session may publish and subscribe to, written down a second time: level by level, from a table of
 * what each role has, where the rules of broker/admission.ts compare whole topics and prefixes.
 */
import type { SessionRole } from "../../protocol/notice.js";

export interface Whose {
  readonly role: SessionRole;
  readonly number: number;
  readonly clientId: string;
  /** 32 hex digits. */
  readonly fleet: string;
}

const MAX_BYTES = 256;
/** Stands for one level or more of any name. */
const REST = Symbol("rest");
type Pattern = readonly (string | typeof REST)[];

export function oracleMayPublish(whose: Whose, topic: string): boolean {
  const levels = levelsOf(topic);
  if (!levels || levels.some((level) => level.includes("+") || level.includes("#"))) return false;
  return publishable(whose).some((pattern) => fits(pattern, levels));
}

export function oracleMaySubscribe(whose: Whose, filter: string): boolean {
  const levels = levelsOf(filter);
  if (!levels || !levels.every((level, i) => isFilterLevel(level, i === levels.length - 1))) return false;
  return subscribable(whose).some((pattern) => fits(pattern, levels));
}

function publishable({ role, number, clientId, fleet }: Whose): readonly Pattern[] {
  const up = ["dm", "1", fleet, String(number), "up"];
  const table: Record<SessionRole, readonly Pattern[]> = {
    lobby: [["dm", "1", fleet, "lobby", clientId, "up"]],
    pledge: [up],
    held: [up],
    device: [up, ["app", String(number), REST]],
    service: [],
  };
  return table[role];
}

function subscribable({ role, number, clientId, fleet }: Whose): readonly Pattern[] {
  const [down, all] = [
    ["dm", "1", fleet, String(number), "down"],
    ["dm", "1", fleet, "all"],
  ];
  const table: Record<SessionRole, readonly Pattern[]> = {
    lobby: [["dm", "1", fleet, "lobby", clientId, "down"]],
    pledge: [down],
    held: [down, all],
    device: [down, all, ["app", String(number), REST]],
    service: [all, ["app", REST]],
  };
  return table[role];
}

/** Undefined for what is no topic here: too long, hidden, with controls, or with an empty level. */
function levelsOf(topic: string): readonly string[] | undefined {
  if (Buffer.byteLength(topic) > MAX_BYTES || topic.charAt(0) === "$") return undefined;
  const levels = [""];
  for (const character of topic) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return undefined;
    if (character === "/") levels.push("");
    else levels[levels.length - 1] += character;
  }
  return levels.includes("") ? undefined : levels;
}

function isFilterLevel(level: string, isLast: boolean): boolean {
  if (level === "+") return true;
  if (level === "#") return isLast;
  return !level.includes("+") && !level.includes("#");
}

function fits(pattern: Pattern, levels: readonly string[]): boolean {
  const open = pattern.at(-1) === REST;
  const named = open ? pattern.slice(0, -1) : pattern;
  if (open ? levels.length <= named.length : levels.length !== named.length) return false;
  return named.every((name, i) => name === levels[i]);
}
