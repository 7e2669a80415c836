/** The wire between service and gateway processes: what goes in comes out, in whatever pieces, and nothing else does. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodePacket, MAX_PACKET_BYTES, type Packet, PacketReader } from "../../fleet/link-packets.js";
import {
  encodeStandings,
  MAX_STANDINGS,
  readStandings,
  standingOf,
  standingWord,
} from "../../fleet/link-standings.js";
import {
  encodeNews,
  encodeQuestion,
  type News,
  type Question,
  readNews,
  readQuestion,
} from "../../fleet/link-wire.js";
import { concatBytes, uint32, utf8 } from "../../protocol/bytes.js";
import { encodeCbor } from "../../protocol/codec.js";
import { ProtocolError } from "../../protocol/errors.js";
import { LEVELS, type Level } from "../../protocol/level.js";
import { testSigner } from "../x509/helpers.js";
import { must } from "./fixtures.js";

const document = utf8("a document");
const large = new Uint8Array(65_536).fill(7);
const ticketSeed = new Uint8Array(32).fill(9);
const word = standingWord({
  level: "isolate",
  lowestGeneration: 0xffff_ffff,
  enrolled: true,
  suspected: true,
});
const { publicKey } = testSigner("ES256", "a gateway");

const NEWS: readonly News[] = [
  { type: "welcome", ticketSeed },
  { type: "authority", document },
  { type: "beacon", document, parts: [] },
  { type: "beacon", document, parts: [large, document] },
  { type: "standings", records: [] },
  { type: "standings", records: [{ number: 0xffff_ffff, word }] },
  { type: "ready" },
  { type: "push", number: 7, document },
  { type: "broadcast", document: large },
  { type: "answer", id: 1, documents: [] },
  { type: "answer", id: Number.MAX_SAFE_INTEGER, documents: [large, large] },
  { type: "failure", id: 2, code: "malformed", text: "not a frame" },
  { type: "position", position: Number.MAX_SAFE_INTEGER },
];
const QUESTIONS: readonly Question[] = [
  { type: "handle", id: 1, number: 7, message: large },
  { type: "authorities", id: 2, message: document },
  { type: "ledger", id: 3, message: document },
  { type: "time", id: 4, message: document },
  { type: "certify", id: 5, publicKey, hosts: ["localhost", "127.0.0.1"] },
];

function packetsIn(...chunks: readonly Uint8Array[]): readonly Packet[] {
  const reader = new PacketReader();
  return chunks.flatMap((chunk) => [...reader.feed(chunk)]);
}

function packetIn(bytes: Uint8Array): Packet {
  const packets = packetsIn(bytes);
  expect(packets).toHaveLength(1);
  return must(packets[0]);
}

describe("what is said", () => {
  test.each(NEWS)("news comes as it was: $type", (news) => {
    expect(readNews(packetIn(encodeNews(news)))).toEqual(news);
  });

  test.each(QUESTIONS)("a question comes as it was: $type", (question) => {
    expect(readQuestion(packetIn(encodeQuestion(question)))).toEqual(question);
  });

  test("neither side takes for its own what the other says", () => {
    for (const news of NEWS)
      expect(() => readQuestion(packetIn(encodeNews(news)))).toThrow(
        expect.objectContaining({ code: "unknown-type" }),
      );
    for (const question of QUESTIONS)
      expect(() => readNews(packetIn(encodeQuestion(question)))).toThrow(
        expect.objectContaining({ code: "unknown-type" }),
      );
  });

  test("a service of another build is refused, in words", () => {
    const frame = encodeCbor([
      1,
      new Map<number, number | Uint8Array>([
        [1, 2],
        [2, ticketSeed],
      ]),
    ]);
    expect(() => readNews({ frame, documents: [] })).toThrow(/version 2 .* start both from one build/);
  });

  test.each([
    ["a document with a welcome", 0],
    ["two documents in a broadcast", 8],
    ["two documents in a push", 7],
    ["a document with standings", 5],
    ["a document with a failure", 11],
    ["a document with ready", 6],
    ["a document with a position", 12],
  ])("what comes with it is counted: %s", (_, which) => {
    const { frame, documents } = packetIn(encodeNews(must(NEWS[which])));
    const more = { frame, documents: [...documents, document] };
    expect(() => readNews(more)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("a beacon without a document is refused", () => {
    const { frame } = packetIn(encodeNews(must(NEWS[2])));
    expect(() => readNews({ frame, documents: [] })).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("a failure's text is cut to what may be said, and is text", () => {
    const news = { type: "failure", id: 1, code: "failed", text: "ö\ud800".repeat(1000) } as const;
    const read = readNews(packetIn(encodeNews(news)));
    expect(read).toMatchObject({ type: "failure", text: expect.stringMatching(/^(ö\ufffd){90}/) });
  });
});

describe("packets", () => {
  const small = NEWS.map(encodeNews).filter((bytes) => bytes.length < 1_000);
  const stream = concatBytes(...small);

  test("pieces of any size make the same packets", () => {
    const whole = packetsIn(stream);
    expect(whole).toHaveLength(small.length);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 }), (cuts) => {
        const ends = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const chunks = ends.slice(1).map((end, i) => stream.subarray(ends[i], end));
        expect(packetsIn(...chunks)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test("byte for byte too", () => {
    expect(packetsIn(...Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(packetsIn(stream));
  });

  test("a document is a copy: it keeps no piece of the stream alive", () => {
    const { frame, documents } = packetIn(Buffer.concat([encodePacket(document, [document])]));
    for (const item of [frame, ...documents]) expect(item.buffer.byteLength).toBe(item.length);
  });

  test("the length alone is enough to refuse one that is too large", () => {
    expect(() => packetsIn(uint32(MAX_PACKET_BYTES + 1))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    expect(packetsIn(uint32(MAX_PACKET_BYTES))).toEqual([]);
  });

  const malformed: readonly (readonly [string, Uint8Array])[] = [
    ["nothing in it", uint32(0)],
    ["half a length", concatBytes(uint32(2), Uint8Array.of(0, 0))],
    ["an item that runs past it", concatBytes(uint32(5), uint32(2), Uint8Array.of(1))],
    ["a second item that runs past it", concatBytes(uint32(9), uint32(1), Uint8Array.of(1), uint32(1))],
  ];
  test.each(malformed)("refused: %s", (_, bytes) => {
    expect(() => packetsIn(bytes)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("documents are counted", () => {
    const many = Array.from({ length: 17 }, () => document);
    expect(() => encodePacket(document, many)).toThrow(expect.objectContaining({ code: "too-large" }));
    const body = concatBytes(...[document, ...many].flatMap((item) => [uint32(item.length), item]));
    expect(() => packetsIn(concatBytes(uint32(body.length), body))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });

  test("whatever bytes come, they are read or refused with a code", () => {
    const mutants = fc.tuple(
      fc.constantFrom(...small, ...QUESTIONS.slice(1).map(encodeQuestion)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutants.map(mutated)), (bytes) => {
        for (const read of [readNews, readQuestion]) expect(outcome(bytes, read)).toMatch(/^[a-z-]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  /** "read", or the code of the refusal. @throws whatever else was thrown. */
  function outcome(bytes: Uint8Array, read: (packet: Packet) => unknown): string {
    try {
      packetsIn(bytes).forEach(read);
      return "read";
    } catch (error) {
      if (error instanceof ProtocolError) return error.code;
      throw error;
    }
  }

  function mutated([bytes, changes]: [Uint8Array, [number, number][]]): Uint8Array {
    const out = bytes.slice();
    for (const [at, value] of changes) out[at % out.length] = value;
    return out;
  }
});

describe("standings", () => {
  const standing = fc.record({
    level: fc.constantFrom(...(Object.keys(LEVELS) as Level[])),
    lowestGeneration: fc.integer({ min: 0, max: 0xffff_ffff }),
    enrolled: fc.boolean(),
    suspected: fc.boolean(),
  });

  test("a word is the standing, and no word is nobody's", () => {
    fc.assert(
      fc.property(standing, (value) => {
        expect(standingOf(standingWord(value))).toEqual(value);
      }),
    );
    expect(standingOf(standingWord(undefined))).toBeUndefined();
  });

  test("packed, they are what they were", () => {
    const record = fc.record({
      number: fc.integer({ min: 1, max: 0xffff_ffff }),
      word: standing.map(standingWord),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (records) => {
        expect(readStandings(encodeStandings(records))).toEqual(records);
      }),
    );
  });

  test("as many as may go together fit into one packet", () => {
    const records = Array.from({ length: MAX_STANDINGS }, (_, i) => ({ number: i + 1, word }));
    expect(readNews(packetIn(encodeNews({ type: "standings", records })))).toEqual({
      type: "standings",
      records,
    });
    const more = [...records, { number: MAX_STANDINGS + 1, word }];
    expect(() => encodeNews({ type: "standings", records: more })).toThrow(
      expect.objectContaining({ code: "out-of-range" }),
    );
  });

  test.each([
    ["half of one", new Uint8Array(8), "malformed"],
    ["of number 0", encodeStandings([{ number: 0, word }]), "out-of-range"],
    ["at a level that there is not", encodeStandings([{ number: 1, word: 0b10101 }]), "out-of-range"],
    ["of nobody who is something", encodeStandings([{ number: 1, word: 0b00001 }]), "out-of-range"],
    [
      "of a generation that is too high",
      encodeStandings([{ number: 1, word: 2 ** 38 + 0b10000 }]),
      "out-of-range",
    ],
  ])("refused: %s", (_, bytes, code) => {
    expect(() => readStandings(bytes)).toThrow(expect.objectContaining({ code }));
  });
});
