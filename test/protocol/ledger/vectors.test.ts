/** test/vectors/ledger-coding.json, through our code; what our encoder would write, both ways. */
import { expect, test } from "vitest";
import { fromHex, toHex } from "../../../protocol/bytes.js";
import { checkChange, composeChanges } from "../../../protocol/ledger/change.js";
import { checkContent, EMPTY_CONTENT, encodeContent } from "../../../protocol/ledger/content.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { isError } from "../../vectors/json.js";
import type { LedgerVector, LedgerWant } from "../../vectors/ledger-vectors.js";
import { readVectors } from "../../vectors/read.js";
import { ledgerIn } from "./sets.js";

const VECTORS = readVectors<LedgerVector>("ledger-coding.json");

/** What our code says: what is in there, or its code. */
function outcome(read: LedgerVector["read"], bytes: Uint8Array): unknown {
  try {
    if (read === "content") checkContent(bytes);
    else checkChange(bytes);
    const { denied, generations } = ledgerIn(bytes, read === "change" ? 1 : undefined);
    return { denied, generations: [...generations] };
  } catch (error) {
    if (error instanceof ProtocolError) return { error: error.code };
    throw error;
  }
}

test.each(VECTORS.map((vector) => [vector.name, vector] as const))("%s", (_name, { hex, read, want }) => {
  expect(outcome(read, fromHex(hex))).toEqual(want);
});

test.each(VECTORS.filter(({ want }) => !isError(want)).map((vector) => [vector.name, vector] as const))(
  "written again: %s",
  (_name, { hex, read, want, oneWay }) => {
    const { denied, generations } = want as unknown as LedgerWant;
    const again =
      read === "content"
        ? encodeContent({ denied, generations: new Map(generations) })
        : composeChanges(fromHex(hex), EMPTY_CONTENT);
    expect(toHex(again) === hex).toBe(!oneWay);
    expect(outcome(read, again)).toEqual(want);
  },
);
