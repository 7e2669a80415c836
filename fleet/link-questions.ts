/** What a gateway that is a process of its own asks, put to the fleet. */
import type { FleetLink } from "./link.js";
import type { Asked } from "./link-wire.js";

/** @returns what to send back, in order. Rejects as `FleetLink` does. */
export async function askFleet(link: FleetLink, asked: Asked): Promise<readonly Uint8Array[]> {
  switch (asked.type) {
    case "handle":
      return link.handle(asked.number, asked.message);
    case "authorities":
      return [await link.authorities(asked.message)];
    case "ledger":
      return link.ledger(asked.message);
    case "time":
      return [await link.time(asked.message)];
    case "certify":
      return link.certifyGateway(asked.publicKey, asked.hosts);
  }
}
