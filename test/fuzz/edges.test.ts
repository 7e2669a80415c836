/**
 * A fixed slice of what `npm run fuzz` plays: 200,000 mutated inputs over all edges, the same each time. None
 * may come to anything but what its edge allows, and nothing beside them may notice.
 */
import { describe, expect, test } from "vitest";
import { EDGES, shareOf } from "./all.js";
import { drawAt } from "./draw.js";
import { failureText, lineOf } from "./report.js";
import { fuzz } from "./runner.js";

const INPUTS = 200_000;
const SEED = 4;
/** Of one edge, on a machine that has other things to do. */
const TIMEOUT_MS = 300_000;

/**
 * What has to come of some inputs of each edge: a fuzzer whose inputs are all refused at the first check
 * would find nothing behind it.
 */
const REACHED: Readonly<Record<string, readonly string[]>> = {
  payload: [
    "fleet, signed: taken: sync",
    "fleet, signed: taken: certify",
    "fleet, signed: taken: receipt",
    "fleet document, signed: taken: directive",
    "device, signed: taken: document, and saved",
    "device, signed: taken: sync-reply, and saved",
    "station, signed: taken: request",
    "grant, signed: taken: device 1",
    "bundle: taken",
    "peer: taken: receipts",
    "rule: taken: yes",
    "ledger content: taken",
    "authority, signed: taken: link",
  ],
  topic: [
    "publish: allowed",
    "subscribe: allowed",
    "publish over the wire: allowed",
    "subscribe over the wire: allowed",
  ],
  packet: ["device: answered", "lobby: answered", "service: answered"],
  http: [
    "in process: 200",
    "in process: 201",
    "in process: 409 conflict",
    "socket: 200",
    "socket: 400 by the parser",
  ],
  files: ["device state 0: newest", "device state 1: older", "device key: the key", "log record: the record"],
  cli: ["file: 0", "file: 4", "words: 0", "words: 5"],
  tls: ["certificate: CONNACK 0", "half a handshake: answered", "hello: answered"],
};

describe.each(EDGES.map((edge) => [edge.name, edge] as const))("%s", (_, edge) => {
  test(
    "no input comes to what it must not, and others are not disturbed",
    async () => {
      const report = await fuzz(edge, { seed: SEED, inputs: shareOf(edge, INPUTS) });
      process.stderr.write(`${lineOf(report)}\n`);
      expect(failureText(report, SEED)).toBeUndefined();
      expect(report.inputs).toBeGreaterThanOrEqual(shareOf(edge, INPUTS));
      expect([...report.outcomes.keys()]).toEqual(expect.arrayContaining([...(REACHED[edge.name] ?? [])]));
    },
    TIMEOUT_MS,
  );
});

test("the shares of the edges add up to all inputs", () => {
  expect(EDGES.reduce((sum, edge) => sum + shareOf(edge, INPUTS), 0)).toBe(INPUTS);
});

test("what is drawn for a case does not depend on the cases before", () => {
  const drawn = (seed: number, index: number) => {
    const draw = drawAt(seed, index);
    return [draw(1000), draw(1000), draw(1000)];
  };
  expect(drawn(7, 5)).toEqual(drawn(7, 5));
  expect(drawn(7, 5)).not.toEqual(drawn(7, 6));
  expect(drawn(7, 5)).not.toEqual(drawn(8, 5));
});
