/**
 * The cure for a stolen or mad key that signed the highest number there is, or the year 2100: the root keys
 * replace the key and raise the term of its kind. What held before holds until a genuine release (P3, P13).
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { TermKind } from "../../fleet/ceremony-next.js";
import type { FleetKeyName } from "../../fleet/fleet-keys.js";
import { LEVELS } from "../../protocol/level.js";
import type { ActName } from "../../protocol/vector.js";
import { NO_VERSION, type Version } from "../../protocol/version.js";
import type { Sailor } from "./aboard.js";
import { answerByHand, bring, handOver } from "./hands.js";
import { Harbor, until } from "./harbor.js";
import { Pen } from "./pen.js";

const MOST = 0xffff_ffff;
const HIGHEST: Version = [1, Number.MAX_SAFE_INTEGER];
const YEAR_2100 = Date.UTC(2100, 0, 1) / 1000;
const recall = { kind: "advise", numbers: [], reason: "recalled" } as const;

let harbor: Harbor;
let camera: Sailor;
beforeEach(async () => {
  harbor = await Harbor.open({ production: true });
  camera = await harbor.working();
  await harbor.act({ ...recall, match: 'model = "camera"', level: "observe" });
  await harbor.hold([camera.number], "restrict");
  await until(() => camera.device.standing === "restrict", "the device is held");
});
afterEach(async () => {
  await harbor.close();
});

interface Poison {
  readonly what: string;
  readonly key: FleetKeyName;
  readonly term: TermKind;
  /** Hands the device what makes it deaf. */
  readonly give: (pen: Pen) => Promise<unknown>;
}

const POISONS: readonly Poison[] = [
  {
    what: "directive",
    key: "hold",
    term: "directive",
    give: (pen) => handOver(camera, pen.directive(HIGHEST, "none")),
  },
  {
    what: "release",
    key: "release",
    term: "directive",
    give: (pen) => handOver(camera, pen.release(HIGHEST, "none")),
  },
  {
    what: "advisory list",
    key: "hold",
    term: "advisory",
    give: (pen) => {
      const match = { op: "in", fact: "model", values: ["camera"] } as const;
      return handOver(camera, pen.list(HIGHEST, [{ id: 1, match, level: "observe", reason: "recalled" }]));
    },
  },
  {
    what: "advisory removal",
    key: "release",
    term: "advisory",
    give: (pen) => handOver(camera, pen.removal(HIGHEST, [1])),
  },
  {
    what: "Beacon",
    key: "ledger",
    term: "ledger",
    give: (pen) => handOver(camera, pen.beacon(HIGHEST, []).beacon),
  },
  {
    what: "time",
    key: "lease",
    term: "time",
    give: (pen) =>
      answerByHand(camera, ({ nonce, holds }) => {
        const { ledger, advisories, directive } = holds;
        const required = {
          authority: 1,
          ledger: ledger?.version ?? NO_VERSION,
          advisories: advisories?.version ?? NO_VERSION,
          removals: NO_VERSION,
          directive: directive?.version ?? NO_VERSION,
          release: NO_VERSION,
          level: "restrict",
        } as const;
        const until2100 = { time: [1, YEAR_2100], goodUntil: YEAR_2100, nextSyncSeconds: 1 } as const;
        return { documents: [], lease: pen.lease({ nonce, ...until2100, required }) };
      }),
  },
];

/** What the fleet says now is what the device does. */
async function hearsTheFleet(): Promise<void> {
  const recalled = { ...recall, match: `number = ${camera.number}`, level: "isolate" } as const;
  await harbor.act(recalled);
  await until(() => camera.device.standing === "isolate", "a new advisory counts");
  const number = harbor.service.view.advisories.active.at(-1)?.id ?? 0;
  await harbor.act({ kind: "unadvise", numbers: [], id: number, reason: "mended" });
  await harbor.act({ kind: "unadvise", numbers: [], id: 1, reason: "mended" });
  await until(() => {
    harbor.clock.advance(1_000); // whom a removal frees asks within half a minute
    return camera.device.standing === "restrict";
  }, "its removal counts");
  await harbor.hold([camera.number], "isolate");
  await until(() => camera.device.standing === "isolate", "a new directive counts");
  await harbor.release([camera.number]);
  await until(() => camera.device.standing === "none", "a genuine release frees it");
  await harbor.speaking(camera);
  camera.radio.switch(false);
  camera.radio.switch(true); // its next sync tells what it holds
  const ledger = harbor.service.view.beacon?.version;
  await until(
    () => harbor.service.view.devices.get(camera.number)?.held?.ledger.join() === ledger?.join(),
    "its ledger is the fleet's",
  );
}

test.each(POISONS.map((poison) => [poison.what, poison] as const))(
  "P3: %s at its highest is cured by a term; levels stay until the release",
  async (_what, poison) => {
    await poison.give(new Pen(harbor, camera.number));
    const poisoned = camera.events.length;
    await harbor.rotate({ keys: [poison.key], terms: [poison.term] });
    await hearsTheFleet();
    expect(camera.events.slice(poisoned).filter(({ type }) => type === "refused")).toEqual([]);
    const falls = camera.events.flatMap((event) =>
      event.type === "level" && LEVELS[event.level] < LEVELS[event.before] ? [event.level] : [],
    );
    expect(falls).toEqual(["restrict", "none"]); // by the removal, and by the release
  },
);

test("P2: a stolen key uses up an act; after the term an operator's reboot is carried out, and nothing twice", async () => {
  const once = (count: ActName) =>
    harbor.act({ kind: "count", count, numbers: [camera.number], reason: "story" });
  const known = () => harbor.service.view.devices.get(camera.number)?.done;
  const hears = (count: ActName) =>
    until(() => {
      harbor.clock.advance(1_000); // whom an advisory concerns says nothing for up to half a minute
      return known()?.[count] === 1;
    }, `the fleet hears of the ${count}`);
  const told = () => camera.events.flatMap((event) => (event.type === "act" ? [event.act] : []));
  await once("attest");
  await hears("attest");
  const receipt = await handOver(
    camera,
    new Pen(harbor, camera.number).directive(HIGHEST, "none", { reboot: MOST }),
  );
  await bring(harbor.service, receipt);
  expect(known()).toEqual({ attest: 1, reboot: MOST });
  await harbor.rotate({ keys: ["hold"], terms: ["directive"] });
  await once("reboot");
  await hears("reboot");
  await harbor.release([camera.number]);
  await harbor.speaking(camera);
  await harbor.stop(camera);
  await harbor.start(camera);
  await harbor.speaking(camera);
  expect(told()).toEqual(["attest", "reboot", "reboot"]);
  expect((await camera.store.load())?.record.done).toEqual({ reboot: 1 });
});
