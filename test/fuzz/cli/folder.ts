/** The folder in which commands run: files that they may read, laid out again and again, since they write too. */
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LowdbDeviceStore } from "../../../device/adapters/lowdb-device-store.js";
import { createKeyFiles } from "../../../fleet/adapters/key-files.js";
import { joinBundle } from "../../../protocol/bundle.js";
import { countedEntropy, repeatable } from "../payload/keys.js";
import type { World } from "../payload/world.js";

export interface WorkFolder {
  /** Makes it what it was at first, and the folder of this process. */
  reset(): Promise<void>;
  remove(): Promise<void>;
}

export async function workFolder({ home }: World, token: string): Promise<WorkFolder> {
  const base = await mkdtemp(join(tmpdir(), "daymark-fuzz-"));
  const [still, used, before] = [join(base, "still"), join(base, "used"), process.cwd()];
  await mkdir(still);
  for (const name of ["hold", "root"])
    await createKeyFiles(join(still, name), repeatable, countedEntropy(`cli ${name}`));
  await writeFile(join(still, "token"), `${token}\n`);
  await chmod(join(still, "token"), 0o600);
  await writeFile(join(still, "chain.bundle"), joinBundle([home.founding]));
  const [record] = home.sailors.map(({ state }) => state.record);
  if (record) await new LowdbDeviceStore(join(still, "camera", "state")).save(record);
  await createKeyFiles(join(still, "camera", "keys", "idevid"), repeatable, countedEntropy("cli camera"));
  return {
    async reset() {
      process.chdir(base);
      await rm(used, { recursive: true, force: true });
      await cp(still, used, { recursive: true });
      process.chdir(used);
    },
    async remove() {
      process.chdir(before);
      await rm(base, { recursive: true, force: true });
    },
  };
}
