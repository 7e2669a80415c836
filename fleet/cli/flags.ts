/** Flags that several commands have: files, and which fleet is meant. */
import { fromHex } from "../../protocol/bytes.js";

const FLEET_ID_DIGITS = 32;

export function fileFlag(brief: string) {
  return { kind: "parsed", parse: String, placeholder: "file", brief } as const;
}

export const fleetFlag = {
  kind: "parsed",
  parse: fleetId,
  optional: true,
  placeholder: "id",
  brief: "The fleet's id, 32 hex digits",
} as const;

/** @throws RangeError */
function fleetId(text: string): Uint8Array {
  if (text.length !== FLEET_ID_DIGITS || !/^[0-9a-f]+$/i.test(text))
    throw new RangeError("a fleet id has 32 hex digits");
  return fromHex(text);
}
