/** Opens each log in a folder and prints as JSON how many records it gives, or the code of why it gives none. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { LmdbEventLog } from "../../fleet/adapters/lmdb-event-log.js";
import type { FleetError } from "../../fleet/errors.js";
import { everything } from "./event-log-reader.js";

async function countIn(folder: string): Promise<number | string> {
  try {
    const log = LmdbEventLog.open(folder);
    try {
      return (await everything(log)).length;
    } finally {
      await log.close();
    }
  } catch (error) {
    return (error as FleetError).code;
  }
}

const [root = "."] = process.argv.slice(2);
const counted: Record<string, number | string> = {};
for (const name of readdirSync(root)) counted[name] = await countIn(join(root, name));
process.stdout.write(JSON.stringify(counted));
