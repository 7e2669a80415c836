/** Freshness tables, for all devices and by model: chosen when a fleet is founded, and changed by its next Authority. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { takeItem } from "../../fleet/bundles.js";
import { freshnessAfter } from "../../fleet/ceremony-freshness.js";
import { caCommands } from "../../fleet/cli/commands/ca.js";
import { readBytes } from "../../fleet/cli/files.js";
import { type Fleet, openFleet, serveApi } from "../../fleet/main.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { FreshnessRules } from "../../protocol/authority.js";
import { DAY } from "./fixtures.js";
import { inProcess, noun } from "./in-process.js";
import { entropy, temporaryFolder } from "./served-fleet.js";

const after = (days: number, level: "observe" | "restrict" | "isolate"): FreshnessRules => [
  { afterSeconds: days * DAY, level },
];

describe("the tables of the next version", () => {
  const known = { freshness: after(30, "restrict"), models: [{ model: "camera", freshness: [] }] };
  test("are those of before where nothing is said", () => {
    expect(freshnessAfter(known, {})).toEqual(known);
    expect(freshnessAfter({ freshness: [] }, {})).toEqual({ freshness: [] });
  });
  test("change for all, and for one model, apart", () => {
    expect(freshnessAfter(known, { freshness: [] })).toEqual({ ...known, freshness: [] });
    const lamp = { model: "a-lamp", freshness: after(1, "isolate") };
    expect(freshnessAfter(known, { models: [lamp] })).toEqual({ ...known, models: [lamp, ...known.models] });
    const camera = { model: "camera", freshness: after(2, "observe") };
    expect(freshnessAfter(known, { models: [camera] }).models).toEqual([camera]);
  });
  test("end for a model, and with its last one there are none", () => {
    expect(freshnessAfter(known, { models: [{ model: "camera" }] })).toEqual({ freshness: known.freshness });
  });
});

describe("daymark ca", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let fleet: Fleet;
  let api: Awaited<ReturnType<typeof serveApi>>;
  /** What the founding showed to those who sign it. */
  let founded: Record<string, string>;
  const at = (...path: string[]) => join(folder.path, ...path);
  const ca = (...args: readonly string[]) => inProcess({ ca: noun(caCommands) }, at("data"), ["ca", ...args]);
  const done = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await ca(...args, "-j");
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return JSON.parse(stdout) as Record<string, string>;
  };
  beforeAll(async () => {
    folder = await temporaryFolder();
    const tables = ["--freshness", "7d:observe,14d:restrict", "--model-freshness", "camera-2=12h:isolate"];
    founded = await done("init", "--out", at("new"), ...tables);
    const parts = { clock: systemClock, crypto: nodeCrypto, entropy };
    fleet = await openFleet({ folder: at("new", "online", "fleet"), name: "unused", ...parts });
    api = await serveApi(fleet, { port: 0 });
  });
  afterAll(async () => {
    await api.close();
    await fleet.close();
    await folder.remove();
  });

  test("founds a fleet with them", () => {
    expect(founded).toMatchObject({
      freshness: "7d:observe,14d:restrict",
      "freshness of camera-2": "12h:isolate",
    });
    const { freshness, models } = fleet.service.trust.authority.value;
    expect(freshness).toEqual([...after(7, "observe"), ...after(14, "restrict")]);
    expect(models).toEqual([{ model: "camera-2", freshness: after(0.5, "isolate") }]);
  });

  test("changes them, shows what was, and the server takes it", async () => {
    await done("export", "--data", at("new", "online"), "--out", at("chain"));
    const models = ["--model-freshness", "camera-2=default", "--model-freshness", "pump=never"];
    const shown = await done(
      "rotate",
      at("chain"),
      "--out",
      at("draft"),
      "--freshness",
      "30d:isolate",
      ...models,
    );
    expect(shown["freshness"]).toBe("30d:isolate  (was 7d:observe,14d:restrict)");
    expect(shown["freshness of pump"]).toBe("never  (was not there)");
    expect(shown["freshness of camera-2"]).toBe("-  (was 12h:isolate)");
    await done("sign", at("draft"), "--chain", at("chain"), "--key", at("new", "offline", "root.pem"));
    const link = await readBytes(at("draft"), process);
    expect(await takeItem(fleet.service, link, "operator")).toMatchObject({ result: "taken" });
    const { version, freshness, models: own } = fleet.service.trust.authority.value;
    expect([version, freshness, own]).toEqual([2, after(30, "isolate"), [{ model: "pump", freshness: [] }]]);
  });

  test("keeps them in a rotation that says nothing of them", async () => {
    await done("export", "--data", at("new", "online"), "--out", at("chain"));
    const shown = await done("rotate", at("chain"), "--out", at("next"), "--term", "ledger");
    expect(shown).toMatchObject({ freshness: "30d:isolate", "freshness of pump": "never" });
  });

  test.each(["camera", "=1d:isolate", "camera=soon"])("refuses %s", async (words) => {
    const refused = await ca("init", "--out", at("no"), "--model-freshness", words);
    expect(refused).toMatchObject({ exitCode: 2, stdout: "" });
  });
});
