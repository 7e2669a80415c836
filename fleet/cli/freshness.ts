/** Freshness tables as people write and read them: how long after a lease ended, and the level from then on. */
import type { FreshnessRules } from "../../protocol/authority.js";
import type { ModelChange } from "../ceremony-freshness.js";
import { MAX_FRESHNESS_RULES } from "../policy.js";

/** A table with no rule: time alone changes nothing. */
const NEVER = "never";
const DEFAULT = "default";
const UNIT_SECONDS = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
const RULE = /^([0-9]{1,6})([dhms]):(observe|restrict|isolate)$/;
type Level = "observe" | "restrict" | "isolate";

/** Of a flag. @throws RangeError */
export function parseFreshness(text: string): FreshnessRules {
  if (text === NEVER) return [];
  const rules = text.split(",").map((part) => {
    const [, count, unit, level] = RULE.exec(part) ?? [];
    if (!level) throw new RangeError(`write rules such as 30d:restrict,90d:isolate, or ${NEVER}`);
    const afterSeconds = Number(count) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
    return { afterSeconds, level: level as Level };
  });
  if (rules.length > MAX_FRESHNESS_RULES)
    throw new RangeError(`a freshness table has at most ${MAX_FRESHNESS_RULES} rules`);
  return rules;
}

/** `model=table`, or `model=default` for the table for all. @throws RangeError */
export function parseModelFreshness(text: string): ModelChange {
  const at = text.indexOf("=");
  if (at < 1) throw new RangeError(`write model=table, or model=${DEFAULT}`);
  const [model, table] = [text.slice(0, at), text.slice(at + 1)];
  return table === DEFAULT ? { model } : { model, freshness: parseFreshness(table) };
}

/** In the largest unit that fits. */
export function freshnessText(rules: FreshnessRules): string {
  const units = Object.entries(UNIT_SECONDS);
  const parts = rules.map(({ afterSeconds, level }) => {
    const [unit, size] = units.find(([, seconds]) => afterSeconds % seconds === 0) ?? ["s", 1];
    return `${afterSeconds / size}${unit}:${level}`;
  });
  return parts.join(",") || NEVER;
}
