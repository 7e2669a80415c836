/** Tree, notes and checkpoints, held to their specifications and to a program that nobody here wrote. */
import { execFile } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { openCheckpoint, originOf, signCheckpoint } from "../../fleet/audit/checkpoint.js";
import { EMPTY_TREE, grown, rootOf, type Tree } from "../../fleet/audit/merkle.js";
import { noteKeyText, type NoteSigner, openNote, parseNoteKey, signNote } from "../../fleet/audit/note.js";
import { nodeCrypto as crypto } from "../../protocol/adapters/node-crypto.js";
import { concatBytes, fromHex, toHex, uint32, utf8 } from "../../protocol/bytes.js";
import { subjectPublicKeyInfo } from "../../protocol/x509/algorithms.js";
import { testSigner } from "../x509/helpers.js";
import { temporaryFolder } from "./served-fleet.js";

const treeOf = (leaves: readonly Uint8Array[]): Tree =>
  leaves.reduce((tree, leaf) => grown(tree, leaf, crypto), EMPTY_TREE);

/** MTH as RFC 6962 §2.1 defines it. */
function definedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (!first) return crypto.sha256(new Uint8Array());
  if (leaves.length === 1) return crypto.sha256(concatBytes(Uint8Array.of(0), first));
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  const [left, right] = [definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k))];
  return crypto.sha256(concatBytes(Uint8Array.of(1), left, right));
}

describe("the tree", () => {
  /** The leaves, and the roots over the first 0 to 8 of them, that certificate transparency logs are tested with. */
  const LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ];
  const ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];

  test.each(ROOTS.map((root, size) => ({ size, root })))(
    "of $size leaves has the known root",
    ({ size, root }) => {
      expect(toHex(rootOf(treeOf(LEAVES.slice(0, size).map(fromHex)), crypto))).toBe(root);
    },
  );

  test("grown leaf by leaf has the root that RFC 6962 defines, at every size up to 300", () => {
    const leaves: Uint8Array[] = [];
    let tree = EMPTY_TREE;
    for (let size = 0; size <= 300; size++) {
      expect([tree.size, toHex(rootOf(tree, crypto))]).toEqual([size, toHex(definedRoot(leaves))]);
      const leaf = crypto.sha256(uint32(size));
      leaves.push(leaf);
      tree = grown(tree, leaf, crypto);
    }
    expect(tree.peaks.length).toBeLessThanOrEqual(9);
  });

  test("a leaf is never taken for a node", () => {
    const [a, b] = [utf8("a"), utf8("b")];
    const node = concatBytes(rootOf(treeOf([a]), crypto), rootOf(treeOf([b]), crypto));
    expect(rootOf(treeOf([node]), crypto)).not.toEqual(rootOf(treeOf([a, b]), crypto));
  });
});

const signer = (name: string, label = name): NoteSigner => ({ name, key: testSigner("Ed25519", label) });
const keyOf = ({ name, key }: NoteSigner) => ({ name, publicKey: key.publicKey });
const harbour = signer("daymark/harbour");
const witness = signer("witness.example/w1");
const TEXT = "one\n\ntwo\n";
const note = signNote(TEXT, harbour, crypto);
/** The signature lines of a note. */
const linesOf = (whole: string) => whole.slice(whole.lastIndexOf("\n\n") + 2);
const outcome = (whole: string, keys = [keyOf(harbour)]) => {
  try {
    return openNote(whole, keys, crypto).text;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("verifier keys", () => {
  // Published by the Go project for its checksum database and for the documentation of its notes.
  test.each([
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  ])("one that others use is read, and written the same: %s", (text) => {
    expect(noteKeyText(parseNoteKey(text, crypto), crypto)).toBe(text);
  });

  const text = noteKeyText(keyOf(harbour), crypto);
  /** The same key, as one for signatures of another kind; its id fits. */
  const ofKind = (kind: number) => {
    const bytes = concatBytes(Uint8Array.of(kind), harbour.key.publicKey.bytes);
    const id = crypto.sha256(concatBytes(utf8(`${harbour.name}\n`), bytes)).subarray(0, 4);
    return `${harbour.name}+${toHex(id)}+${Buffer.from(bytes).toString("base64")}`;
  };
  test.each([
    ["empty", ""],
    ["without a name", text.slice(text.indexOf("+"))],
    ["of another name", text.replace("harbour", "harbor")],
    ["of another key", text.replace(/.{8}$/, "AAAAAAAA")],
    ["of another kind", ofKind(2)],
    ["cut", text.slice(0, -4)],
    ["with something behind it", `${text} `],
    ["in upper case", text.replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase())],
  ])("one that is %s is refused", (_, changed) => {
    expect(changed).not.toBe(text);
    expect(() => parseNoteKey(changed, crypto)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

describe("notes", () => {
  test("are opened with the key that signed, whoever else has signed before or behind", () => {
    expect(outcome(note)).toBe(TEXT);
    const other = linesOf(signNote(TEXT, witness, crypto));
    const namesake = linesOf(signNote(TEXT, signer(harbour.name, "another key"), crypto));
    expect(outcome(`${note}${other}${namesake}`)).toBe(TEXT);
    expect(outcome(`${TEXT}\n${other}${linesOf(note)}`)).toBe(TEXT);
    expect(openNote(`${note}${other}`, [keyOf(witness), keyOf(harbour)], crypto)).toMatchObject({
      key: { name: witness.name },
      signatures: 2,
    });
  });

  test("take 16 signatures, and do not take 1,000", () => {
    const others = (count: number) =>
      Array.from({ length: count }, (_, i) => linesOf(signNote(TEXT, signer(`w${i}`), crypto))).join("");
    expect(outcome(note + others(15))).toBe(TEXT);
    expect(outcome(note + others(1).repeat(999))).toBe("malformed");
  });

  const bad: [what: string, changed: string, code: string][] = [
    ["with another text", note.replace("two", "too"), "bad-signature"],
    ["signed by somebody else", signNote(TEXT, witness, crypto), "wrong-key"],
    ["of a namesake", signNote(TEXT, signer(harbour.name, "another key"), crypto), "wrong-key"],
    [
      "with a second signature of ours that does not hold",
      note + linesOf(signNote("x\n", harbour, crypto)),
      "bad-signature",
    ],
    ["with hyphens for dashes", note.replace("\u2014", "-"), "malformed"],
    ["without signature", `${TEXT}\n`, "malformed"],
    ["without its last newline", note.slice(0, -1), "malformed"],
    ["without the blank line", "one\n\u2014 daymark/harbour AAAAAAAA\n", "malformed"],
    ["with a carriage return", note.replace("one\n", "one\r\n"), "malformed"],
    [
      "with base64 that has two readings",
      note.replace(/.=\n$/, (end) => `${nextDigit(end[0]!)}=\n`),
      "malformed",
    ],
    ["cut within the signature", note.replace(/.{12}\n$/, "\n"), "wrong-key"],
    ["that is too long", `${"x".repeat(300_000)}\n${note}`, "malformed"],
  ];
  test.each(bad)("one %s is refused", (_, changed, code) => {
    expect(changed).not.toBe(note);
    expect(outcome(changed)).toBe(code);
  });

  test("openssl finds the signature good, and another text not", async () => {
    const folder = await temporaryFolder();
    const path = (name: string) => join(folder.path, name);
    const der = Buffer.from(subjectPublicKeyInfo(harbour.key.publicKey));
    const pem = createPublicKey({ key: der, format: "der", type: "spki" }).export({
      type: "spki",
      format: "pem",
    });
    const signature = Buffer.from(linesOf(note).trimEnd().split(" ")[2]!, "base64").subarray(4);
    await writeFile(path("key.pem"), pem);
    await writeFile(path("text"), TEXT);
    await writeFile(path("other"), TEXT.toUpperCase());
    await writeFile(path("signature"), signature);
    const about = ["-pubin", "-inkey", path("key.pem"), "-rawin", "-sigfile", path("signature")];
    const verify = (text: string) =>
      promisify(execFile)("openssl", ["pkeyutl", "-verify", ...about, "-in", path(text)]).then(
        () => "good",
        () => "bad",
      );
    expect([await verify("text"), await verify("other")]).toEqual(["good", "bad"]);
    await folder.remove();
  });
});

describe("checkpoints", () => {
  const fleetId = crypto.sha256(utf8("fleet")).subarray(0, 16);
  const own = signer(originOf(fleetId));
  const tree = treeOf([utf8("a"), utf8("b")]);

  test("say origin, size and root, in three lines", () => {
    const root = Buffer.from(rootOf(tree, crypto)).toString("base64");
    const checkpoint = signCheckpoint(tree, own, crypto);
    expect(checkpoint.split("\n").slice(0, 4)).toEqual([`daymark/${toHex(fleetId)}`, "2", root, ""]);
    expect(openCheckpoint(checkpoint, [keyOf(own)], crypto)).toMatchObject({
      size: 2,
      root: rootOf(tree, crypto),
    });
  });

  const root = `${"A".repeat(43)}=`;
  test.each([
    ["of another log", `daymark/other\n2\n${root}\n`],
    ["without a root", `${own.name}\n2\n`],
    ["with a short root", `${own.name}\n2\nAAAA\n`],
    ["with a size that begins with 0", `${own.name}\n02\n${root}\n`],
    ["with a negative size", `${own.name}\n-2\n${root}\n`],
    ["with a size that no log has", `${own.name}\n${"9".repeat(16)}\n${root}\n`],
    ["with an empty line behind", `${own.name}\n2\n${root}\n\n`],
  ])("one %s is refused, though it is signed", (_, text) => {
    expect(() => openCheckpoint(signNote(text, own, crypto), [keyOf(own)], crypto)).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });

  test("lines of others behind the root are none of ours", () => {
    const text = `${own.name}\n0\n${root}\nsomething else\n`;
    expect(openCheckpoint(signNote(text, own, crypto), [keyOf(own)], crypto).size).toBe(0);
  });
});

/** The next digit of base64: of the last one before the padding only some bits count. */
function nextDigit(digit: string): string {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return digits[(digits.indexOf(digit) + 1) % digits.length]!;
}
