/** Guards that power cuts show to be needed. */
import type { Guard } from "../guard.js";

const POWER = "test/faults/power.test.ts";
const LOSES_NOTHING = "P4: the event log loses nothing that it acknowledged when the power goes";

export const faultGuards: readonly Guard[] = [
  {
    name: "the event log syncs its pages before it answers",
    principle: "P4",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "noSync: false,",
    replace: "noSync: true,",
    test: { file: POWER, name: LOSES_NOTHING },
  },
  {
    name: "the event log syncs its newest root before it answers",
    principle: "P4",
    file: "fleet/adapters/lmdb-event-log.ts",
    find: "noMetaSync: false,",
    replace: "noMetaSync: true,",
    test: { file: POWER, name: LOSES_NOTHING },
  },
];
