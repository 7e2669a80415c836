/** The form of a backup: whatever is changed in it, moved, cut off or added, nothing of it is taken for good. */
import { describe, expect, test } from "vitest";
import { openBackup, sealBackup, unlockWith } from "../../fleet/adapters/backup-cipher.js";
import {
  type BackupHeader,
  COST,
  encodeHeader,
  HEADER_BYTES,
  readHeader,
} from "../../fleet/backup/header.js";
import { type BackupItem, encodeItem, ItemReader } from "../../fleet/backup/items.js";
import { BackupRefused } from "../../fleet/backup/refused.js";
import { concatBytes, fromHex, toHex, uint32, utf8 } from "../../protocol/bytes.js";
import { entropy } from "./served-fleet.js";

const CHUNK = 64 * 1024;
const SEALED = CHUNK + 16;
const header: BackupHeader = { cost: COST, salt: entropy(32) };
const lock = { header, key: entropy(32) };

async function* piecesOf(bytes: Uint8Array, size = 100_000): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return concatBytes(...found);
}
/** Without its header. */
const sealed = async (plain: Uint8Array) =>
  (await all(sealBackup(piecesOf(plain), lock))).subarray(HEADER_BYTES);
const opened = (bytes: Uint8Array, by = lock, size?: number) => all(openBackup(piecesOf(bytes, size), by));
const isRefused = (bytes: Uint8Array, by = lock) =>
  opened(bytes, by).then(
    () => false,
    (error: unknown) => error instanceof BackupRefused,
  );
const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe("chunks", () => {
  test.each([1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])(
    "%i bytes come back as they were, in whatever pieces",
    async (size) => {
      const plain = entropy(size);
      const bytes = await sealed(plain);
      expect(bytes).toHaveLength(size + 16 * Math.ceil(size / CHUNK));
      for (const pieces of [1000, SEALED - 1, SEALED, 1_000_000])
        expect(toHex(await opened(bytes, lock, pieces))).toBe(toHex(plain));
    },
  );

  test("each flipped byte and each shorter length is refused", async () => {
    const bytes = await sealed(entropy(200));
    for (let at = 0; at < bytes.length; at++) {
      expect(await isRefused(flipped(bytes, at)), `byte ${at}`).toBe(true);
      expect(await isRefused(bytes.subarray(0, at)), `${at} bytes`).toBe(true);
    }
  });

  test("chunks cannot be left out, doubled, swapped, cut off or added", async () => {
    const bytes = await sealed(entropy(3 * CHUNK + 100));
    const [a, b, c, end] = [0, 1, 2, 3].map((i) => bytes.subarray(i * SEALED, (i + 1) * SEALED));
    const other = await sealed(entropy(CHUNK));
    const changes: readonly (readonly (Uint8Array | undefined)[])[] = [
      [a, b, c],
      [a, b],
      [a],
      [end],
      [a, b, end],
      [b, c, end],
      [b, a, c, end],
      [a, c, b, end],
      [a, a, b, c, end],
      [a, b, c, end, end],
      [a, b, c, end, Uint8Array.of(0)],
      [a, b, c, end, other],
      [a, b, other.subarray(0, SEALED), end],
      [],
    ];
    expect(await isRefused(bytes)).toBe(false);
    for (const [i, parts] of changes.entries())
      expect(await isRefused(concatBytes(...parts.map((part) => part!))), `change ${i}`).toBe(true);
    for (const edge of [SEALED, 2 * SEALED, 3 * SEALED])
      for (const at of [edge - 17, edge - 16, edge - 1, edge, edge + 1])
        expect(await isRefused(flipped(bytes, at)), `byte ${at}`).toBe(true);
  });

  test("every chunk vouches for the header", async () => {
    const bytes = await sealed(entropy(100));
    expect(await isRefused(bytes, { ...lock, header: { ...header, cost: COST - 1 } })).toBe(true);
    expect(await isRefused(bytes, { ...lock, header: { ...header, salt: entropy(32) } })).toBe(true);
    expect(await isRefused(bytes, { ...lock, key: entropy(32) })).toBe(true);
  });

  test("what was found out before the damage says that it is damage, and not the passphrase", async () => {
    const bytes = await sealed(entropy(2 * CHUNK));
    await expect(opened(flipped(bytes, 0))).rejects.toThrow(/passphrase/);
    await expect(opened(flipped(bytes, SEALED))).rejects.toThrow(/damaged(?!.*passphrase)/);
  });
});

describe("the header", () => {
  test("comes back as it was", () => {
    expect(encodeHeader(header)).toHaveLength(HEADER_BYTES);
    expect(readHeader(encodeHeader(header))).toEqual(header);
  });

  test("a file must not choose what opening it costs", () => {
    const costs = Array.from({ length: 256 }, (_, cost) => cost);
    const read = costs.filter((cost) => {
      try {
        return readHeader(encodeHeader({ ...header, cost })).cost === cost;
      } catch {
        return false;
      }
    });
    expect(read).toEqual([14, 15, 16, 17, 18]);
  });

  test("a newer format says so; anything else is no backup", () => {
    const bytes = encodeHeader(header);
    const newer = bytes.map((byte, i) => (i === 16 ? 2 : byte));
    expect(() => readHeader(newer)).toThrow(/format 2, a newer one/);
    for (let length = 0; length < bytes.length; length++)
      expect(() => readHeader(bytes.subarray(0, length)), `${length} bytes`).toThrow(BackupRefused);
    expect(() => readHeader(utf8("daymark-backup\n and more"))).toThrow(/no backup/);
  });

  test("the key is that of scrypt: RFC 7914 §12, N = 16384", async () => {
    const key = await unlockWith("pleaseletmein")({ cost: 14, salt: utf8("SodiumChloride") });
    expect(toHex(key)).toBe("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
  });

  test("the same characters typed in two ways are one passphrase", async () => {
    const [composed, decomposed] = ["H\u00e4fen im Norden", "Ha\u0308fen im Norden"];
    const of = async (text: string) => toHex(await unlockWith(text)({ cost: 14, salt: header.salt }));
    expect(await of(composed)).toBe(await of(decomposed));
    expect(await of(composed)).not.toBe(await of("Hafen im Norden"));
  });
});

describe("items", () => {
  const items: readonly BackupItem[] = [
    { kind: "record", sealed: '0123 {"text":"Ärger 🚢"}' },
    { kind: "record", sealed: "" },
    { kind: "file", file: { name: "keys/next/hold.pem", content: utf8("a key") } },
    { kind: "file", file: { name: "tokens/admin", content: new Uint8Array() } },
  ];
  const bytes = concatBytes(...items.map(encodeItem));
  const read = (plain: Uint8Array, size: number) => {
    const reader = new ItemReader();
    const found: BackupItem[] = [];
    for (let at = 0; at < plain.length; at += size) found.push(...reader.take(plain.subarray(at, at + size)));
    reader.end();
    return found;
  };
  const file = (name: string, content = "x") =>
    encodeItem({ kind: "file", file: { name, content: utf8(content) } });

  test("come back in whatever pieces they come", () => {
    for (const size of [1, 2, 7, 1000]) expect(read(bytes, size)).toEqual(items);
  });

  test("one that is not whole is none", () => {
    const edges = items.map((_, i) => concatBytes(...items.slice(0, i).map(encodeItem)).length);
    for (let length = 1; length < bytes.length; length++) {
      if (edges.includes(length)) continue;
      expect(() => read(bytes.subarray(0, length), 100), `${length} bytes`).toThrow(BackupRefused);
    }
  });

  test.each<readonly [string, Uint8Array]>([
    ["a kind that is not known", Uint8Array.of(3, 0, 0, 0, 0)],
    ["a record longer than any", concatBytes(Uint8Array.of(1), uint32(1024 * 1024 + 1025))],
    ["a file longer than any", concatBytes(Uint8Array.of(2), uint32(4096 + 97 + 1))],
    ["a record that is no UTF-8", concatBytes(Uint8Array.of(1), uint32(1), fromHex("ff"))],
    ["a name longer than its item", concatBytes(Uint8Array.of(2), uint32(2), Uint8Array.of(9, 65))],
    ["no name", concatBytes(Uint8Array.of(2), uint32(0))],
    ...[
      "../keys/hold.pem",
      "keys/../../hold.pem",
      "keys/..",
      "keys/.hold.pem.new",
      "keys/next/deeper/hold.pem",
      "keys/",
      "/etc/passwd",
      "log/data.mdb",
      "worker.json",
      "lock",
      "tokens/a b",
      "tokens/a\n",
      "tokens\\admin",
      `tokens/${"a".repeat(65)}`,
    ].map((name) => [`the name ${JSON.stringify(name)}`, file(name)] as const),
  ])("%s is refused as soon as it is seen", (_, plain) => {
    expect(() => new ItemReader().take(plain)).toThrow(BackupRefused);
  });
});
