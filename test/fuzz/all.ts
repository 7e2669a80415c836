/** The edges by name, and how a number of inputs is divided among them: most go where one costs least. */
import type { Edge } from "./edge.js";
import { cliEdge } from "./edges/cli.js";
import { filesEdge } from "./edges/files.js";
import { httpEdge } from "./edges/http.js";
import { packetEdge } from "./edges/packet.js";
import { payloadEdge } from "./edges/payload.js";
import { tlsEdge } from "./edges/tls.js";
import { topicEdge } from "./edges/topic.js";

export const EDGES: readonly Edge[] = [
  payloadEdge,
  topicEdge,
  packetEdge,
  httpEdge,
  filesEdge,
  cliEdge,
  tlsEdge,
];

/** In thousandths of all inputs. */
const SHARES: Readonly<Record<string, number>> = {
  payload: 450,
  topic: 450,
  packet: 70,
  http: 15,
  files: 8,
  cli: 4,
  tls: 3,
};

/** @returns how many of `inputs` this edge gets; the shares add up to all of them. */
export function shareOf(edge: Edge, inputs: number): number {
  return Math.round((inputs * (SHARES[edge.name] ?? 0)) / 1000);
}
