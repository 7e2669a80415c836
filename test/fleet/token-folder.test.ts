/** Operators' tokens on disk: two at the first start, one operator per file, none shared, none weak. */
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTokens, readToken } from "../../fleet/adapters/token-folder.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { entropy, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let tokens: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  tokens = join(folder.path, "tokens");
});
afterEach(() => folder.remove());

const open = () => openTokens(tokens, nodeCrypto, entropy);
const add = (name: string, text: string) => writeFile(join(tokens, name), text, { mode: 0o600 });
const STRONG = "x".repeat(32);

test("the first start makes two tokens of 32 bytes, for the owner alone; the next one keeps them", async () => {
  const first = await open();
  expect((await readdir(tokens)).sort()).toEqual(["admin", "approver"]);
  for (const name of ["admin", "approver"]) {
    const path = join(tokens, name);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const token = await readToken(path);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(first.actorOf(token)).toBe(name);
    expect((await open()).actorOf(token)).toBe(name);
  }
  expect((await stat(tokens)).mode & 0o777).toBe(0o700);
});

test("a token that is nobody's is nobody's, however close", async () => {
  const opened = await open();
  const token = await readToken(join(tokens, "admin"));
  for (const close of ["", token.slice(1), `${token}A`, token.toUpperCase(), `${token}\n`])
    expect([close, opened.actorOf(close)]).toEqual([close, undefined]);
});

test("a further file is a further operator; one that was taken out does not come back", async () => {
  await open();
  await rm(join(tokens, "approver"));
  await add("night-shift", `${STRONG}\n`);
  await add(".hidden", "not a token");
  const opened = await open();
  expect(opened.actorOf(STRONG)).toBe("night-shift");
  expect((await readdir(tokens)).sort()).toEqual([".hidden", "admin", "night-shift"]);
});

test("two operators with one token are refused: one person could ask and approve", async () => {
  await open();
  await add("twin", await readFile(join(tokens, "admin"), "utf8"));
  await expect(open()).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringContaining("twin"),
  });
});

test.each(["short", "", "x".repeat(31), `${STRONG} ${STRONG}`, "é".repeat(40)])(
  "%j is no token",
  async (text) => {
    await open();
    await add("other", text);
    await expect(open()).rejects.toMatchObject({ code: "bad-request" });
  },
);

test.each(["fleet", "Admin", "admin~", "7up", "a".repeat(33)])("%s names no operator", async (name) => {
  await open();
  await add(name, STRONG);
  await expect(open()).rejects.toMatchObject({ code: "bad-request", message: expect.stringContaining(name) });
});

test("a token that others can read is refused, also behind a link", async () => {
  await open();
  const path = join(tokens, "admin");
  await chmod(path, 0o644);
  const cure = { code: "denied", message: expect.stringContaining(`chmod 600`) };
  await expect(open()).rejects.toMatchObject(cure);
  const link = join(folder.path, "link");
  await symlink(path, link);
  await expect(readToken(link)).rejects.toMatchObject(cure);
});
