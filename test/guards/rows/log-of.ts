/** Guards of reading a log that a server may write: nobody else opens it, and half of it is not taken for all. */
import type { Guard } from "../guard.js";

const LOG_OF = "test/fleet/log-of.test.ts";
const RECORDS = "fleet/audit/export-records.ts";

export const logOfGuards: readonly Guard[] = [
  {
    name: "a log that a server writes is asked of that server",
    principle: "P4",
    file: "fleet/cli/log-of.ts",
    find: "if (url !== undefined) return",
    replace: 'if (url === "") return',
    test: {
      file: LOG_OF,
      name: "P4: backup, doctor and ca export do their work, and none of them opens the log",
    },
  },
  {
    name: "a log is opened under the lock of its folder",
    principle: "P4",
    file: "fleet/cli/log-of.ts",
    find: "const lock = await lockForReading(folder);",
    replace: "const lock = { release: async () => void lockForReading };",
    test: { file: LOG_OF, name: "P4: whoever starts one meanwhile is told who reads the log" },
  },
  {
    name: "an export without its checkpoint is not the whole log",
    file: "fleet/cli/log-of-server.ts",
    find: "if (!isWhole) throw",
    replace: "if (isWhole === undefined) throw",
    test: { file: LOG_OF, name: "one without its checkpoint" },
  },
  {
    name: "a checkpoint that is cut off ends no export",
    file: RECORDS,
    find: "isWhole = line.isWhole && !record &&",
    replace: "isWhole = !record &&",
    test: { file: LOG_OF, name: "one without the end of its last line" },
  },
  {
    name: "each record of an export follows the one before",
    file: RECORDS,
    find: "if (record.position !== last + 1 || record.previous !== previous) throw damaged(last);",
    replace: "if (record.position === 0) throw damaged(last);",
    test: { file: LOG_OF, name: "one with a record left out" },
  },
  {
    name: "a spoiled record at the end of an export is not passed over",
    file: RECORDS,
    find: "else if (!isWhole && !isFirst && line.isWhole) throw",
    replace: "else if (last < 0) throw",
    test: { file: LOG_OF, name: "one without its last record's end" },
  },
  {
    name: "recover opens no copy that a server writes",
    principle: "P4",
    file: "fleet/cli/recover-sources.ts",
    find: '(await has("keys")) || (await has("lock"))',
    replace: '!(await has(""))',
    test: {
      file: "test/fleet/recover-cli.test.ts",
      name: "P4: in a folder that a server has open, is not opened",
    },
  },
];
