/** Two ends of a stream that leads nowhere else: two devices that were put side by side. */
import { type Duplex, duplexPair } from "node:stream";

/** What is written to one is read from the other. */
export function streamPair(): readonly [Duplex, Duplex] {
  return duplexPair();
}
