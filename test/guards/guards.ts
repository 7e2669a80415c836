/**
 * The guards that this code stands on, and the test that defends each. `npm run test:guards` takes one
 * guard away at a time, in a copy of the source, and demands that its test goes red: a guard that no test
 * misses is not defended. Add a row with every guard; keep the patch as small as the guard.
 */
import type { Guard } from "./guard.js";
import { apiGuards } from "./rows/api.js";
import { cryptoGuards } from "./rows/crypto.js";
import { deviceGuards } from "./rows/device.js";
import { fleetGuards } from "./rows/fleet.js";
import { gatewayGuards } from "./rows/gateway.js";
import { storageGuards } from "./rows/storage.js";
import { storyGuards } from "./rows/stories.js";
import { wireGuards } from "./rows/wire.js";
import { x509Guards } from "./rows/x509.js";

export const guards: readonly Guard[] = [
  ...storyGuards,
  ...wireGuards,
  ...cryptoGuards,
  ...x509Guards,
  ...storageGuards,
  ...gatewayGuards,
  ...apiGuards,
  ...fleetGuards,
  ...deviceGuards,
];
