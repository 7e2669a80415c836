/** One file of vectors for each message: the examples, and what differs from the fullest in one place. */
import { encode, rfc8949EncodeOptions } from "cborg";
import { toHex } from "../../protocol/bytes.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import type { Message } from "../../protocol/schema.js";
import { type Cddl, decodeForCddl } from "../cddl/cddl.js";
import { type Deviation, deviations } from "./deviations.js";
import { diag } from "./diag.js";
import { examples } from "./examples.js";
import { type Json, toJson, type Vector } from "./json.js";

export const MESSAGES: readonly Message<unknown>[] = [...SIGNED_MESSAGES, ...PLAIN_MESSAGES];

export function messageVectors(cddl: Cddl, message: Message<unknown>): readonly Vector[] {
  const named: readonly (readonly [string, unknown])[] = Object.entries(
    examples[message.name as keyof typeof examples],
  );
  const good = named.map(([name, value]) => vector(name, message.encode(value), toJson(value)));
  const [basis, value] =
    ["full", "usual"].flatMap((word) => named.filter(([name]) => name === word))[0] ?? named[0]!;
  const rule = cddl.get(message.name);
  if (!rule) throw new RangeError(`protocol/daymark.cddl has no rule ${message.name}`);
  const different = deviations(cddl, rule, decodeForCddl(message.encode(value))).filter(shown);
  const rest = different.flatMap(({ name, value: changed, want }): readonly Vector[] => {
    const bytes = encode(changed, rfc8949EncodeOptions);
    const title = `${basis}, but ${name}`;
    if (want) return [vector(title, bytes, { error: want })];
    return / ?extension /.test(name) ? [{ ...vector(title, bytes, toJson(value)), oneWay: true }] : [];
  });
  return [...good, ...rest];
}

/** Of many wrong types and unknown keys, one of each kind stands for all; schema.test.ts tries the rest. */
function shown({ name }: Deviation): boolean {
  const wrongType = /\bis (an? |true)/.test(name);
  if (wrongType) return name.endsWith("is true");
  const unknownKey = /\bkey (-?\d+) too$/.exec(name);
  return unknownKey ? ["-1", "63"].includes(unknownKey[1]!) : true;
}

function vector(name: string, bytes: Uint8Array, want: Json): Vector {
  return { name, hex: toHex(bytes), diag: diag(bytes), want };
}
