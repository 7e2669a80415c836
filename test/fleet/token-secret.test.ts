/** The secret of sync tokens on disk: made once, nobody else's to read, and never made anew where one was in use. */
import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readTokenSecret } from "../../fleet/adapters/token-secret.js";
import { openFleet } from "../../fleet/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { held, sync } from "./registry-rig.js";
import { entropy, importDevices, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let keys: string;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  keys = join(folder.path, "keys");
  path = join(keys, "token.secret");
});
afterEach(() => folder.remove());

const open = () =>
  openFleet({ folder: folder.path, name: "harbour", clock: systemClock, crypto: nodeCrypto, entropy });
/** Opened and closed. @returns the secret that it sealed with. */
async function used(): Promise<string> {
  const fleet = await open();
  await fleet.close();
  return toHex(fleet.service.options.tokenSecret);
}

test("the first start makes it, for the owner alone, and the next one uses the same", async () => {
  const first = await used();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toBe(`${first}\n`);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await used()).toBe(first);
});

describe("one that is missing", () => {
  test("is made while no device has shown a token", async () => {
    const first = await used();
    await rm(path);
    expect(await used()).not.toBe(first);
    expect(await used()).toBe(toHex((await readTokenSecret(keys)) ?? new Uint8Array()));
  });

  test("is not made once one has: it is said what to do, and the folder is left free", async () => {
    const fleet = await open();
    await importDevices(fleet.service, 1, 1);
    for (const nonce of ["AAAA", "BBBB"].map((four) => four.repeat(5) + "AA"))
      await fleet.service.request(
        sync({ nonce, held, ...(nonce.startsWith("B") && { token: { n: 1, after: 0, era: 0 } }) }),
        "device/1",
      );
    await fleet.close();
    const secret = await readFile(path);
    await rm(path);
    for (let i = 0; i < 2; i++)
      await expect(open()).rejects.toMatchObject({
        code: "storage-failed",
        message: expect.stringMatching(/backup.*openssl rand -hex 32.*vouch/s),
      });
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
    await writeFile(path, secret, { mode: 0o600 });
    expect(await used()).toBe(secret.toString().trim());
  });
});

test("others may not read it", async () => {
  await used();
  await chmod(path, 0o640);
  await expect(open()).rejects.toMatchObject({
    code: "denied",
    message: expect.stringContaining("chmod 600"),
  });
});

test.each(["", "ab".repeat(31), "ab".repeat(33), "zz".repeat(32)])(
  "a file with '%s' is refused, and not quoted",
  async (text) => {
    await used();
    await writeFile(path, text);
    const error = (await open().catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "storage-failed", message: expect.stringContaining("token.secret") });
    expect(error.message.replaceAll(text, "").length).toBe(error.message.length);
  },
);
