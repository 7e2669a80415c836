/**
 * A fleet under load, its processes under `kill -9` at random; log, devices and API compared after each.
 *
 *     npm run soak:fleet [-- --rounds 300 --devices 200 --seed 1 --layout embedded|split|cluster -j]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../docs/markdown.js";
import { ClusterLayout } from "../faults/cluster-layout.js";
import { EmbeddedLayout } from "../faults/embedded-layout.js";
import type { FleetLayout } from "../faults/fleet-layout.js";
import { type KilledFleet, killedFleet } from "../faults/killed-fleet.js";
import { SplitLayout } from "../faults/split-layout.js";
import { freePort } from "../free-port.js";
import { BUILT } from "../stories/device-process.js";
import { giveOut } from "./output.js";

const MINUTE_MS = 60_000;
const LAYOUTS: Readonly<Record<string, (data: string) => Promise<FleetLayout>>> = {
  embedded: async (data) => new EmbeddedLayout(BUILT, data, await freePort()),
  split: (data) => SplitLayout.on(BUILT, data),
  cluster: (data) => ClusterLayout.on(BUILT, data),
};

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "300" },
    devices: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    layout: { type: "string", default: "embedded" },
    json: { type: "boolean", short: "j", default: false },
  },
});
const asked = { seed: Number(values.seed), rounds: Number(values.rounds), devices: Number(values.devices) };
const open = LAYOUTS[values.layout];
if (!open) throw new RangeError(`--layout is one of ${Object.keys(LAYOUTS).join(", ")}`);
const begun = performance.now();
const data = await mkdtemp(join(tmpdir(), "daymark-killed-fleet-"));
try {
  const layout = await open(data);
  const killed = await killedFleet({ ...asked, layout }, (round, complaints) => {
    process.stderr.write(`round ${round}${complaints.length > 0 ? `: ${complaints.join("\n")}\n` : "\r"}`);
  });
  const minutes = (performance.now() - begun) / MINUTE_MS;
  const figures = { layout: values.layout, ...asked, ...killed, minutes };
  giveOut(`fleet-${values.layout}`, [killedTable(killed, minutes)], figures, killed.complaints);
} finally {
  await rm(data, { recursive: true });
}

function killedTable(
  { killed, mended, fences, devices, told, records, complaints }: KilledFleet,
  minutes: number,
): string {
  const fenced = values.layout === "cluster" ? [["fenced rounds", fences.length]] : [];
  const rows = [
    ...Object.entries(killed).map(([part, times]) => [harmWords(part), times]),
    ...fenced,
    ...Object.entries(mended).map(([how, times]) => [`mended: ${how}`, times]),
    ["devices that sail all the time", devices],
    ...Object.entries(told).map(([kind, count]) => [`told: ${kind}`, count]),
    ["records in the log", records],
    ["lost, forked, doubled, freed, listed otherwise", complaints.length],
    ["seed", asked.seed],
    ["minutes", minutes.toFixed(1)],
  ];
  return table(
    ["What", "Count"],
    rows.map((row) => row.map(String)),
    [1],
  );
}

/** Parts are killed; what is cut off says so itself. */
function harmWords(part: string): string {
  return part.includes("cut off") ? part : `kills of ${part}`;
}
