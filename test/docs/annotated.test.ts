/** Annotated bytes of docs/protocol.md: those that are generated, and those that were written by hand. */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { Beacon } from "../../protocol/beacon.js";
import { fromHex, toHex } from "../../protocol/bytes.js";
import { encodeCbor } from "../../protocol/codec.js";
import { applyChange } from "../../protocol/ledger/change.js";
import { contentDigest, encodeContent } from "../../protocol/ledger/content.js";
import { predicate } from "../../protocol/predicate.js";
import { parsePredicate } from "../../protocol/predicate-text.js";
import { TimeRequest } from "../../protocol/time.js";
import { readVectors } from "../vectors/read.js";
import { annotatedPayload } from "./annotated.js";
import { fenced, line } from "./lines.js";
import { readDocument } from "./markdown.js";
import { namedPayload } from "./names.js";
import { PROTOCOL_DOCUMENT } from "./tables.js";

const DOCUMENT = readDocument(PROTOCOL_DOCUMENT);

describe("bytes that are annotated by hand", () => {
  /** The first column of a block: what stands before a semicolon in each line. */
  const bytesOf = (heading: string) => {
    const [, block = ""] = new RegExp(`${heading}[^]*?\`\`\`text\\n([^]*?)\`\`\``).exec(DOCUMENT) ?? [];
    return block
      .split("\n")
      .map((line) => line.split(";")[0]!.trim())
      .join("");
  };
  const example = (name: string) => readVectors("ledger-coding.json").find((each) => each.name === name);

  test("the ledger of the example is a vector", () => {
    expect(bytesOf("Denied are 3, 9, 10")).toBe(example("the example of docs/protocol.md")?.hex);
  });
  test("and its digest and its change are as the page says", () => {
    const [content, change] = [bytesOf("Denied are 3, 9, 10"), bytesOf("The change that denies 40")].map(
      fromHex,
    );
    const digest = (bytes: Uint8Array) => toHex(contentDigest(bytes, nodeCrypto));
    expect(DOCUMENT).toContain(`Its digest is \`${digest(content!)}\``);
    const denied = Uint32Array.of(3, 9, 10, 30, 31, 40, 77);
    expect(applyChange(content!, change!)).toEqual(encodeContent({ denied, generations: new Map() }));
  });
  test("the predicate is the text above it", () => {
    const text = 'model in {"cam-2", "cam-3"} and not (number in 100..200)';
    expect(DOCUMENT).toContain(`\`${text}\`, 26 bytes`);
    expect(bytesOf('cam-3"} and not .number in 100..200.`, 26 bytes')).toBe(
      toHex(encodeCbor(predicate.toCbor(parsePredicate(text)))),
    );
  });
});

describe("annotated bytes", () => {
  const held = fromHex("a2010102480102030405060708");

  test("lines are held to the bytes that they explain", () => {
    const [head, rest] = [held.subarray(0, 1), held.subarray(1)];
    expect(fenced([line(head, 0, "a map of 2"), line(rest, 1, "")], held)).toContain("a2  ");
    expect(() => fenced([line(head, 0, "a map of 2")], held)).toThrow(RangeError);
    expect(() => fenced([line(rest, 0, "something else")], held)).toThrow(RangeError);
  });
  test("a key has the name of its field", () => {
    const payload = TimeRequest.encode({ nonce: new Uint8Array(16) });
    expect(annotatedPayload(TimeRequest, payload).split("\n")).toEqual([
      "```text",
      "a1                                        ; a map of 1",
      "  0150                                    ; 1 nonce, a byte string of 16:",
      "    00000000000000000000000000000000",
      "```",
    ]);
  });
  test("also in a map inside, though it was declared in another order than the wire's", () => {
    const usual = readVectors("beacon.json").find(({ name }) => name === "usual");
    const members = namedPayload(Beacon, fromHex(usual!.hex)).members.map(
      ({ key, name }) => `${key} ${name}`,
    );
    expect(members.slice(4)).toEqual(["5 advisories", "6 issuedAt", "7 removals"]);
  });
});
