/**
 * Prints one certificate of each profile as openssl shows it, in Markdown, for docs/protocol.md between the
 * markers x509:begin and x509:end:
 *
 *     npx tsx test/peers/x509-text.ts
 */
import { pathToFileURL } from "node:url";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import type { Profile } from "../../protocol/x509/profiles.js";
import { testFleet, type TestFleet } from "../x509/helpers.js";
import { opensslText } from "./openssl.js";

const SECTIONS: Record<Profile, { member: keyof TestFleet["members"]; says: string }> = {
  root: { member: "root", says: "Anchor of everything; never expires; may be kept off the machine." },
  "factory-ca": { member: "factoryCa", says: "Issues stations; never expires." },
  "issuing-ca": {
    member: "deviceCa",
    says: "Issues LDevIDs, or gateways and services: the Authority says which.",
  },
  station: { member: "station", says: "Issues IDevIDs and signs birth records; never expires." },
  idevid: {
    member: "idevid",
    says: "Who a device is, from the factory; never expires; opens only enrollment.",
  },
  ldevid: {
    member: "ldevid",
    says: "That a device may work, for 30 days; the last number is its generation.",
  },
  gateway: {
    member: "gateway",
    says: "A gateway, with the names under which peers of other makes check it.",
  },
  service: { member: "service", says: "A program of the fleet's own, such as an observer." },
};

/** The same text in every run: fixed keys, dates and serials, RFC 6979 signatures. */
export function x509Text(): string {
  const fleet = testFleet("ES256", nobleCrypto);
  return Object.entries(SECTIONS)
    .map(([profile, { member, says }]) => {
      const text = opensslText(fleet[member].certificate).trimEnd();
      return `### \`${profile}\`\n\n${says}\n\n\`\`\`text\n${text}\n\`\`\`\n`;
    })
    .join("\n");
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) process.stdout.write(x509Text());
