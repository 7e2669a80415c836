/** Guards of the ledger coding: bounds of memory and work, and one form for each integer and list. */
import type { Guard } from "../guard.js";

const VECTORS = "test/protocol/ledger/vectors.test.ts";
const NUMBERS = "test/protocol/ledger/numbers.test.ts";
const CONTENT = "test/protocol/ledger/content.test.ts";
const CHANGE = "test/protocol/ledger/change.test.ts";

export const ledgerGuards: readonly Guard[] = [
  {
    name: "a ledger content of more than 1 MiB is not read",
    principle: "P11",
    file: "protocol/ledger/content.ts",
    find: "if (content.length <= MAX_LEDGER_BYTES) return content;",
    replace: "if (content.length >= 0) return content;",
    test: { file: CONTENT, name: "P11: bytes over the bound are not read" },
  },
  {
    name: "a ledger list has at most 2^23 numbers, however few bytes name them",
    principle: "P11",
    file: "protocol/ledger/read-numbers.ts",
    find: "if (count > MAX_LEDGER_NUMBERS)",
    replace: "if (count > 2 ** 32)",
    test: { file: VECTORS, name: "count above the bound" },
  },
  {
    name: "a ledger list of more numbers than are read is not written",
    principle: "P11",
    file: "protocol/ledger/write-numbers.ts",
    find: "if (count > MAX_LEDGER_NUMBERS)",
    replace: "if (count > 2 ** 32)",
    test: { file: NUMBERS, name: "P11: more numbers than the bound, or more bytes, are not written" },
  },
  {
    name: "a ledger list of more bytes than are read is not written",
    principle: "P11",
    file: "protocol/ledger/write-numbers.ts",
    find: "if (layout.sizeBytes > MAX_LEDGER_BYTES)",
    replace: "if (layout.sizeBytes > 2 * MAX_LEDGER_BYTES)",
    test: { file: NUMBERS, name: "P11: more numbers than the bound, or more bytes, are not written" },
  },
  {
    name: "a ledger list has a mode that there is",
    file: "protocol/ledger/read-numbers.ts",
    find: "if (mode > MODES.bitmap) reader.refuse(",
    replace: "if (mode > 255) reader.refuse(",
    test: { file: VECTORS, name: "mode 3" },
  },
  {
    name: "numbers of a ledger list begin at 1",
    file: "protocol/ledger/read-numbers.ts",
    find: "if (number < 1 || number > MAX_NUMBER) reader.refuse(",
    replace: "if (number > MAX_NUMBER) reader.refuse(",
    test: { file: VECTORS, name: "first number 0" },
  },
  {
    name: "numbers of a ledger list have 32 bits",
    file: "protocol/ledger/read-numbers.ts",
    find: "if (number < 1 || number > MAX_NUMBER) reader.refuse(",
    replace: "if (number < 1) reader.refuse(",
    test: { file: VECTORS, name: "a bitmap beyond the largest number" },
  },
  {
    name: "a Golomb parameter of 0 is refused",
    file: "protocol/ledger/golomb.ts",
    find: "if (parameter < 1 || parameter > MAX_GOLOMB_PARAMETER)",
    replace: "if (parameter > MAX_GOLOMB_PARAMETER)",
    test: { file: VECTORS, name: "runs with a second parameter of 0" },
  },
  {
    name: "a Golomb parameter above 2^31 is refused",
    file: "protocol/ledger/golomb.ts",
    find: "if (parameter < 1 || parameter > MAX_GOLOMB_PARAMETER)",
    replace: "if (parameter < 1)",
    test: { file: VECTORS, name: "parameter above 2^31" },
  },
  {
    name: "bits that fill up a byte of a ledger list are zero",
    file: "protocol/ledger/bits.ts",
    find: "if (this.bits(-this.#at & 7) !== 0)",
    replace: "if (this.bits(-this.#at & 7) > 255)",
    test: { file: VECTORS, name: "a one among the bits that fill up" },
  },
  {
    name: "bytes after the end of a ledger content are refused",
    file: "protocol/ledger/bits.ts",
    find: "if (left > 0) this.refuse(",
    replace: "if (left < 0) this.refuse(",
    test: { file: VECTORS, name: "a byte behind the end" },
  },
  {
    name: "integers of a ledger content have their shortest form",
    file: "protocol/ledger/bits.ts",
    find: "if (byte === 0 && i > 0) this.refuse(",
    replace: "if (byte === 0 && i > 9) this.refuse(",
    test: { file: VECTORS, name: "count in a longer form" },
  },
  {
    name: "integers of a ledger content have 32 bits",
    file: "protocol/ledger/bits.ts",
    find: "if (value > MAX_VARINT) this.refuse(",
    replace: "if (value < 0) this.refuse(",
    test: { file: VECTORS, name: "generation beyond 32 bits" },
  },
  {
    name: "integers of a ledger content have at most 5 bytes",
    file: "protocol/ledger/bits.ts",
    find: "const MAX_VARINT_BYTES = 5;",
    replace: "const MAX_VARINT_BYTES = 6;",
    test: { file: VECTORS, name: "count of 6 bytes" },
  },
  {
    name: "numbers with a lowest generation have 32 bits",
    file: "protocol/ledger/generations.ts",
    find: "if (number > MAX_NUMBER) reader.refuse(",
    replace: "if (number < 1) reader.refuse(",
    test: { file: VECTORS, name: "a second skip to a number beyond 32 bits" },
  },
  {
    name: "no generation of a ledger is 0",
    file: "protocol/ledger/generations.ts",
    find: "if (generation < lowest) reader.refuse(",
    replace: "if (generation < lowest - 1) reader.refuse(",
    test: { file: VECTORS, name: "a change with generation 0" },
  },
  {
    name: "a whole ledger holds no entry that says nothing",
    file: "protocol/ledger/content.ts",
    find: "lowest = FIRST_GENERATION + 1,",
    replace: "lowest = FIRST_GENERATION,",
    test: { file: VECTORS, name: "generation 1 behind another" },
  },
  {
    name: "a change that takes an entry away leaves none",
    file: "protocol/ledger/change.ts",
    find: "changed === NO_ENTRY ? undefined : changed,",
    replace: "changed,",
    test: { file: CHANGE, name: "a change says what differs, and leads there" },
  },
  {
    name: "of two changes, the later one has the last word about a generation",
    principle: "P3",
    file: "protocol/ledger/change.ts",
    find: "(earlier, later = earlier) => later);",
    replace: "(earlier, later) => earlier ?? later);",
    test: { file: CHANGE, name: "two changes made one lead where both lead" },
  },
];
