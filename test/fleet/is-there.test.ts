/** What is gone, what may not be looked at, and what the disk does not give are three answers. */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isThere, undefinedIfGone } from "../../fleet/adapters/is-there.js";
import { temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test("a file, a folder, nothing, and nothing below a file", async () => {
  const at = (...names: string[]) => join(folder.path, ...names);
  await writeFile(at("file"), "");
  await mkdir(at("folder"));
  const paths = [at("file"), at("folder"), at("none"), at("file", "below")];
  expect(await Promise.all(paths.map(isThere))).toEqual([true, true, false, false]);
});

test("a link that leads nowhere, for ever, is refused", async () => {
  const path = join(folder.path, "loop");
  await symlink(path, path);
  await expect(isThere(path)).rejects.toMatchObject({ code: "storage-failed" });
});

test.each([
  ["EACCES", "denied", "this user may not: mend its owner or mode"],
  ["EPERM", "denied", "this user may not: mend its owner or mode"],
  ["EIO", "storage-failed", "check the disk"],
])("%s is %s", async (code, expected, todo) => {
  const failing = Promise.reject(Object.assign(new Error("refused"), { code }));
  await expect(undefinedIfGone("/data/fleet", failing)).rejects.toMatchObject({
    code: expected,
    message: `/data/fleet cannot be read: ${code}; ${todo}`,
  });
});
