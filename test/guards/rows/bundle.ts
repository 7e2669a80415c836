/** Guards of bundles and of what is shown and said of documents. */
import type { Guard } from "../guard.js";

const BUNDLE = "test/protocol/bundle.test.ts";
const INSPECT = "test/protocol/inspect.test.ts";
const CLI = "test/fleet/cli-envelope.test.ts";

export const bundleGuards: readonly Guard[] = [
  {
    name: "a bundle has 4 MiB at most",
    principle: "P11",
    file: "protocol/bundle.ts",
    find: "if (this.#bytes > MAX_BUNDLE_BYTES)",
    replace: "if (this.#bytes > 2 * MAX_BUNDLE_BYTES)",
    test: { file: BUNDLE, name: "P11: bounds a bundle has 4 MiB" },
  },
  {
    name: "a bundle has 4,096 items at most",
    principle: "P11",
    file: "protocol/bundle.ts",
    find: "if (this.#items === MAX_BUNDLE_ITEMS)",
    replace: "if (this.#items === 2 * MAX_BUNDLE_ITEMS)",
    test: { file: BUNDLE, name: "P11: bounds a bundle has 4,096 items" },
  },
  {
    name: "an item is given up before it is too long, not after",
    principle: "P11",
    file: "protocol/strict.ts",
    find: "if (at + open > MAX_CBOR_BYTES)",
    replace: "if (open === 0 && at + open > MAX_CBOR_BYTES && at <= bytes.length)",
    test: { file: BUNDLE, name: "P11: bounds an item has 65,536 bytes" },
  },
  {
    name: "a bundle with a cut tail is refused",
    file: "protocol/bundle.ts",
    find: "if (this.#buffered > 0)",
    replace: "if (this.#buffered > MAX_BUNDLE_BYTES)",
    test: { file: BUNDLE, name: "refused as malformed a cut tail" },
  },
  {
    name: "frames in a bundle are strict CBOR",
    file: "protocol/bundle.ts",
    find: "    assertStrictCbor(item);\n",
    replace: "",
    test: {
      file: BUNDLE,
      name: "refused as malformed duplicate keys inside a frame",
    },
  },
  {
    name: "envelopes in a bundle are strict CBOR",
    file: "protocol/bundle.ts",
    find: "    assertStrictCbor(item.subarray(1));\n",
    replace: "",
    test: {
      file: BUNDLE,
      name: "refused as malformed a tag inside an envelope",
    },
  },
  {
    name: "a bundle holds envelopes and frames, and nothing else",
    file: "protocol/bundle.ts",
    find: "if (bytes[0] === ARRAY_OF_TWO) return",
    replace: "if (bytes.length > 0) return",
    test: { file: BUNDLE, name: "refused as malformed an array of three" },
  },
  {
    name: "nothing is read behind a bad item",
    file: "protocol/bundle.ts",
    find: "if (error instanceof ProtocolError) this.#refusal = error;",
    replace: "",
    test: { file: BUNDLE, name: "a refusal names the item, and stands" },
  },
  {
    name: "items of a bundle are copies",
    file: "protocol/bundle.ts",
    find: "const item = bytes.slice(0, at);",
    replace: "const item = bytes.subarray(0, at);",
    test: { file: BUNDLE, name: "items are copies" },
  },
  {
    name: "text in a document cannot steer the terminal that shows it",
    file: "protocol/notation.ts",
    find: "/[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu",
    replace: "/[\\p{Zl}]/gu",
    test: { file: INSPECT, name: "text is shown without steering a terminal" },
  },
  {
    name: "envelopes inside envelopes are shown down to a bound",
    principle: "P11",
    file: "protocol/inspect.ts",
    find: "if (depth >= MAX_SHOWN_NESTING || ",
    replace: "if (",
    test: {
      file: INSPECT,
      name: "envelopes inside are shown, down to a bound",
    },
  },
  {
    name: "verify judges by the newest Authority, not by any",
    principle: "P3",
    file: "fleet/cli/envelope-verdict.ts",
    find: "const opened = openedUnder(newest);",
    replace: "const opened = openedUnder(chain[0] as Trust);",
    test: {
      file: CLI,
      name: "verify by the Authority refuses, with 4: a key that was rotated away",
    },
  },
  {
    name: "an enroll-request is judged by the device that its certificate names",
    file: "fleet/cli/envelope-verdict.ts",
    find: " || number !== subject)",
    replace: ")",
    test: {
      file: CLI,
      name: "verify by the Authority an enroll-request by the certificate",
    },
  },
  {
    name: "a document that must not be believed ends with 4",
    file: "fleet/cli/commands/envelope.ts",
    find: "if (refused > 0)",
    replace: "if (refused < 0)",
    test: {
      file: CLI,
      name: "verify by the Authority refuses, with 4: a bit of the signature",
    },
  },
  {
    name: "what nobody verified does not end with 0",
    file: "fleet/cli/commands/envelope.ts",
    find: "if (rest > 0)",
    replace: "if (rest < 0)",
    test: { file: CLI, name: "what is not checked a frame" },
  },
];
