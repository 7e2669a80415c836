import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../protocol/bytes.js";
import {
  der,
  DerReader,
  MAX_DER_BYTES,
  MAX_DER_DEPTH,
  oid,
  TAG,
  unsignedInteger,
} from "../../protocol/x509/der.js";
import { encodeTime, NEVER_EXPIRES_SECONDS, readTime } from "../../protocol/x509/time.js";
import { certificatesToPem } from "../../protocol/x509/pem.js";

describe("DER writer", () => {
  test.each([
    [0, "0400"],
    [127, "047f"],
    [128, "048180"],
    [255, "0481ff"],
    [256, "04820100"],
    [MAX_DER_BYTES, "04821000"],
  ])("writes the length %i in its shortest form", (size, header) => {
    const element = der(TAG.octetString, new Uint8Array(size));
    expect(toHex(element.subarray(0, element.length - size))).toBe(header);
  });

  test.each([0, 127, 128, 255, 256, MAX_DER_BYTES - 4])("and reads the length %i back", (size) => {
    const element = der(TAG.octetString, new Uint8Array(size));
    expect(new DerReader(element).take(TAG.octetString)).toHaveLength(size);
  });

  test("refuses to write what the reader would not take", () => {
    expect(() => der(TAG.octetString, new Uint8Array(MAX_DER_BYTES + 1))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });

  test.each([
    ["1.2.840.10045.4.3.2", "06082a8648ce3d040302"],
    ["1.3.101.112", "06032b6570"],
    ["2.5.29.35", "0603551d23"],
  ])("writes the object identifier %s", (dotted, hex) => expect(toHex(oid(dotted))).toBe(hex));

  test.each([
    ["00", "020100"],
    ["000000", "020100"],
    ["7f", "02017f"],
    ["80", "02020080"],
    ["0000ff01", "020300ff01"],
  ])("writes the magnitude %s as INTEGER %s, and back", (magnitude, hex) => {
    expect(toHex(unsignedInteger(fromHex(magnitude)))).toBe(hex);
    const shortest = magnitude.replace(/^(00)+(?=..)/, "");
    expect(toHex(new DerReader(fromHex(hex)).unsigned())).toBe(shortest);
  });
});

describe("DER reader", () => {
  test.each([
    ["no element", ""],
    ["another tag", "0500"],
    ["no length", "04"],
    ["indefinite length", "048000"],
    ["length of three octets", "0483000000"],
    ["256 in three octets", "0483000100" + "00".repeat(256)],
    ["reserved length 0xff", "04ff"],
    ["long form below 128", "04817f" + "00".repeat(127)],
    ["two octets below 256", "048200ff" + "00".repeat(255)],
    ["length octets missing", "0482"],
    ["content shorter than its length", "040200"],
  ])("refuses: %s", (_, hex) => {
    expect(() => new DerReader(fromHex(hex)).take(TAG.octetString)).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });

  test.each([
    ["empty", "0200"],
    ["negative", "0280"],
    ["negative of one byte", "0201ff"],
    ["a zero in front", "02020001"],
  ])("refuses an integer: %s", (_, hex) => {
    expect(() => new DerReader(fromHex(hex)).unsigned()).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });

  test("an element may not reach out of the one around it", () => {
    const inner = new DerReader(fromHex("3003040200" + "00")).enter(TAG.sequence);
    expect(() => inner.take(TAG.octetString)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("stops at its bounds of size and depth", () => {
    expect(() => new DerReader(new Uint8Array(MAX_DER_BYTES + 1))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    let nested = der(TAG.sequence);
    for (let i = 0; i <= MAX_DER_DEPTH; i++) nested = der(TAG.sequence, nested);
    let reader = new DerReader(nested);
    for (let i = 0; i < MAX_DER_DEPTH; i++) reader = reader.enter(TAG.sequence);
    expect(() => reader.enter(TAG.sequence)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

describe("certificate dates", () => {
  test.each([
    ["the first second of 1970", 0, "700101000000Z"],
    ["1999", Date.UTC(1999, 11, 31, 23, 59, 59) / 1000, "991231235959Z"],
    ["2000", Date.UTC(2000, 1, 29) / 1000, "000229000000Z"],
    ["the last second of UTCTime", Date.UTC(2049, 11, 31, 23, 59, 59) / 1000, "491231235959Z"],
    ["the first of GeneralizedTime", Date.UTC(2050, 0, 1) / 1000, "20500101000000Z"],
    ["never", NEVER_EXPIRES_SECONDS, "99991231235959Z"],
  ])("%s, both ways", (_, seconds, text) => {
    const encoded = encodeTime(seconds);
    expect(new TextDecoder().decode(encoded.subarray(2))).toBe(text);
    expect(encoded[0]).toBe(text.length === 13 ? TAG.utcTime : TAG.generalizedTime);
    expect(readTime(new DerReader(encoded))).toBe(seconds);
  });

  test.each([-1, 0.5, Number.NaN, NEVER_EXPIRES_SECONDS + 1])("%d is no certificate date", (seconds) => {
    expect(() => encodeTime(seconds)).toThrow(expect.objectContaining({ code: "out-of-range" }));
  });
});

test("PEM breaks lines at 64 characters and keeps the order", () => {
  const pem = certificatesToPem(new Uint8Array(49), Uint8Array.of(1));
  expect(pem.split("\n")).toEqual([
    "-----BEGIN CERTIFICATE-----",
    "A".repeat(64),
    "AA==",
    "-----END CERTIFICATE-----",
    "-----BEGIN CERTIFICATE-----",
    "AQ==",
    "-----END CERTIFICATE-----",
    "",
  ]);
});
