/** The order that the effects of one step must have (P4, I4), said once for every test that steps. */
import type { DeviceRecord } from "../../device/record.js";
import type { Effect } from "../../device/steps.js";
import type { Taken } from "./bench.js";

/** What leaves the device, or cannot be taken back. */
const OUTWARD: readonly Effect["type"][] = [
  "send",
  "sign",
  "hand-out",
  "create-key",
  "remove-key",
  "act",
  "reconnect",
];

/** @returns what is wrong with the step, in words; undefined when nothing is. */
export function disorder({ before, effects, after }: Taken): string | undefined {
  const types = effects.map((effect) => effect.type);
  const saves = effects.filter(({ type }) => type === "save" || type === "save-session");
  const names = changes(before.record, after.record);
  const changed = names.length > 0;
  const [kept] = saves;
  if (saves.length !== (changed ? 1 : 0)) return `${saves.length} saves where the record changed: ${changed}`;
  if (kept?.type === "save" && kept.record !== after.record) return "what is saved is not what is in memory";
  if (kept?.type === "save-session" && names.some((name) => name !== "poweredSeconds"))
    return "more than the time has changed, and only that is kept";
  const save = types.findIndex((type) => type === kept?.type);
  const outward = types.findIndex((type) => OUTWARD.includes(type));
  if (changed && outward !== -1 && outward < save) return `${types[outward]} before the save`;
  const speaks = effects.filter((effect) => effect.type === "speak");
  if (speaks.length !== (before.speaking === after.speaking ? 0 : 1))
    return "it does not say when it may speak";
  if (speaks[0] && speaks[0].allowed !== after.speaking) return "it says that it may speak when it may not";
  if (speaks[0]?.allowed === false && types[0] !== "speak")
    return "something happens before it stops to speak";
  if (speaks[0]?.allowed === true && types.at(-2) !== "speak") return "something happens after it may speak";
  if (types.at(-1) !== "wake") return "it does not say when to look again";
  const left = types.indexOf("reconnect");
  return left !== -1 && left < types.length - 2
    ? `${types[left + 1]} over a connection that it left`
    : undefined;
}

/** Names of what is another value after a step. */
function changes(before: DeviceRecord, after: DeviceRecord): readonly (keyof DeviceRecord)[] {
  const names = Object.keys({ ...before, ...after }) as (keyof DeviceRecord)[];
  return names.filter((name) => before[name] !== after[name]);
}
