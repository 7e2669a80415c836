/** docs/protocol.md says what the source says: npx tsx test/docs/tables.ts --write */
import { describe, expect, test } from "vitest";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "../../protocol/messages.js";
import { x509Text } from "../peers/x509-text.js";
import { between, readDocument, table, withBetween } from "./markdown.js";
import { PROTOCOL_DOCUMENT, tables } from "./tables.js";

const DOCUMENT = readDocument(PROTOCOL_DOCUMENT);

test.each([...tables()])("%s", (name, text) => {
  expect(between(DOCUMENT, name)).toBe(text);
});

test("every certificate profile is shown as openssl shows it now", () => {
  const dense = (text: string) => text.replaceAll(/\s/g, ""); // versions of openssl differ in their spaces
  expect(dense(between(DOCUMENT, "x509"))).toBe(dense(x509Text()));
});

test("every message is linked to the table of its fields", () => {
  for (const { name } of [...SIGNED_MESSAGES, ...PLAIN_MESSAGES]) {
    expect(DOCUMENT).toContain(`[\`${name}\`](#${name})`);
    expect(DOCUMENT.match(new RegExp(`^#+ \`?${name}\`?$`, "gm"))).toEqual([`#### \`${name}\``]);
  }
});

test("every link inside the page leads to a heading", () => {
  const anchors = [...DOCUMENT.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...DOCUMENT.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!);
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter((anchor) => !anchors.includes(anchor))).toEqual([]);
});

describe("tables and markers", () => {
  test("cells are filled up to the widest, numbers to the right, bars escaped", () => {
    expect(table(["A", "Number"], [["a|b", "7"]], [1])).toBe(
      ["| A    | Number |", "| ---- | -----: |", "| a\\|b |      7 |"].join("\n"),
    );
  });
  test("what stands between markers is replaced, and nothing else", () => {
    const text = "before\n<!-- x:begin -->\n\nold\n\n<!-- x:end -->\nafter";
    expect(between(text, "x")).toBe("old");
    expect(withBetween(text, "x", "new")).toBe(text.replace("old", "new"));
    expect(() => between(text, "y")).toThrow(RangeError);
  });
});
