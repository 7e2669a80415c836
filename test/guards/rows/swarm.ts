/** Guards of the swarm: its files of keys, and what its claims rest on. */
import type { Guard } from "../guard.js";

const batch = "test/simulators/swarm-batch.test.ts";
const parts = "test/simulators/swarm-parts.test.ts";
const claims = "test/simulators/swarm-claims.test.ts";

export const swarmGuards: readonly Guard[] = [
  {
    name: "a batch of keys that others may read is refused",
    principle: "P8",
    file: "simulators/swarm/batch.ts",
    find: "if ((mode & OTHERS) !== 0)",
    replace: "if ((mode & OTHERS) !== 0 && size < 0)",
    test: { file: batch, name: "a file that others may read is refused" },
  },
  {
    name: "a batch of keys is written for its owner alone",
    principle: "P8",
    file: "simulators/swarm/batch.ts",
    find: "await writeFileAtomic(path, bytes, FILE_MODE);",
    replace: "await writeFileAtomic(path, bytes, FILE_MODE | 0o044);",
    test: { file: batch, name: "only its owner may read it" },
  },
  {
    name: "devices of another fleet are not played",
    file: "simulators/swarm/batch.ts",
    find: "if (identity.fleetId !== fleetId) {",
    replace: "if (identity.fleetId !== fleetId && identity.number < 0) {",
    test: { file: batch, name: "devices of another fleet are refused" },
  },
  {
    name: "no device of a swarm is played twice",
    file: "simulators/swarm/batch.ts",
    find: "if (numbers.has(identity.number)) {",
    replace: "if (numbers.has(-identity.number)) {",
    test: { file: batch, name: "and one that is there twice" },
  },
  {
    name: "a refused batch says nothing of its keys",
    principle: "P8",
    file: "simulators/swarm/identity.ts",
    find: 'throw damaged("it is no record with keys", cause);',
    replace: "throw damaged(String(cause), cause);",
    test: { file: batch, name: "no JSON is refused, without a word of what it holds" },
  },
  {
    name: "devices that did not come back count in its percentiles",
    file: "simulators/swarm/timings.ts",
    find: "(percent * of) / count;",
    replace: "percent;",
    test: { file: parts, name: "a percentile that was not reached is left out" },
  },
  {
    name: "only a connection that was open can be cut",
    file: "simulators/swarm/sighting.ts",
    find: "if (!seen.connected) return seen;",
    replace: "if (!seen.connected && atMs < 0) return seen;",
    test: { file: parts, name: "an attempt that came to nothing is no close" },
  },
  {
    name: "a lease counts as new only after the return",
    file: "simulators/swarm/sighting.ts",
    find: "...(isBack && { leasedAgainAtMs: seen.leasedAgainAtMs ?? atMs })",
    replace: "leasedAgainAtMs: seen.leasedAgainAtMs ?? atMs",
    test: { file: parts, name: "a lease before the return is none after it" },
  },
  {
    name: "a revoked device that is leased again breaks the claim",
    principle: "P10",
    file: "simulators/swarm/scenarios/cut-off.ts",
    find: "(s) => s.leasedAgainAtMs !== undefined || s.spokeAgain || s.acknowledged > 0",
    replace: "(s) => s.spokeAgain || s.acknowledged > 0",
    test: { file: claims, name: "fails when the revoked one shows" },
  },
  {
    name: "a device that was cut without being revoked breaks the claim",
    file: "simulators/swarm/scenarios/cut-off.ts",
    find: "others.filter(({ closes }) => closes > 0)",
    replace: "others.filter(({ closes }) => closes > 1)",
    test: { file: claims, name: "fails when another one is disconnected" },
  },
  {
    name: "a held device that may speak after the herd breaks the claim",
    principle: "P10",
    file: "simulators/swarm/scenarios/herd.ts",
    find: "held.filter((s) => s.speaking || s.spokeAgain)",
    replace: "held.filter((s) => s.speaking && s.spokeAgain)",
    test: { file: claims, name: "fails when a held one shows" },
  },
];
