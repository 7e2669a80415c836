/** Frames of every message; each refusal is in test/vectors/frame.json. */
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../protocol/bytes.js";
import { decodeFrame, encodeFrame, frameType } from "../../protocol/frame.js";
import { PLAIN_MESSAGES } from "../../protocol/messages.js";
import { field, message, type Message } from "../../protocol/schema.js";
import { MAX_CBOR_BYTES } from "../../protocol/strict.js";
import { bytes } from "../../protocol/types.js";
import { decodeForCddl, validate } from "../cddl/cddl.js";
import { examples } from "../vectors/examples.js";
import { readDaymarkCddl } from "../vectors/generate.js";

const CDDL = readDaymarkCddl();
const MESSAGES: readonly Message<unknown>[] = PLAIN_MESSAGES;

describe.each(MESSAGES.map((message) => [message.name, message] as const))("%s", (_name, plain) => {
  const values = Object.entries(examples[plain.name as keyof typeof examples]);
  test.each(values)("%s: comes back as it went, by its own number", (_title, value) => {
    const frame = encodeFrame(plain, value);
    expect(frameType(frame)).toBe(plain.type);
    expect(decodeFrame(plain, frame)).toEqual(value);
    expect(validate(CDDL, "frame", decodeForCddl(frame))).toBeUndefined();
  });
  test("is refused where another is expected", () => {
    const frame = encodeFrame(plain, values[0]![1]);
    for (const other of MESSAGES.filter((one) => one !== plain))
      expect(() => decodeFrame(other, frame)).toThrow(expect.objectContaining({ code: "unknown-type" }));
  });
});

test("numbers of every length are read", () => {
  const types = [0, 23, 24, 255, 256, 65_535, 65_536];
  const frames = types.map((type) => message(type, "note", { mark: field(1, bytes(1), "anything") }));
  const value = { mark: fromHex("ab") };
  expect(frames.map((note) => decodeFrame(note, encodeFrame(note, value)))).toEqual(types.map(() => value));
  expect(toHex(encodeFrame(frames[2]!, value))).toBe("821818a10141ab");
});

test("P11: a frame of more than 65,536 bytes is neither made nor read", () => {
  const Blob = message(99, "blob", { content: field(1, bytes({ max: MAX_CBOR_BYTES }), "anything") });
  const frame = (size: number) => encodeFrame(Blob, { content: new Uint8Array(size) });
  const overhead = frame(1000).length - 1000;
  expect(frameType(frame(MAX_CBOR_BYTES - overhead))).toBe(99);
  expect(() => frame(MAX_CBOR_BYTES + 1 - overhead)).toThrow(expect.objectContaining({ code: "too-large" }));
  expect(() => frameType(new Uint8Array(MAX_CBOR_BYTES + 1))).toThrow(
    expect.objectContaining({ code: "too-large" }),
  );
});
