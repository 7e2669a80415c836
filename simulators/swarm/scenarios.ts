/** The scenarios that are built in: one file each, and one line here. */
import type { Scenario } from "./scenario.js";
import { cutOff } from "./scenarios/cut-off.js";
import { flood } from "./scenarios/flood.js";
import { herd } from "./scenarios/herd.js";
import { smoke } from "./scenarios/smoke.js";

export const SCENARIOS: readonly Scenario[] = [smoke, cutOff, herd, flood];
