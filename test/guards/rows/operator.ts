/** Guards of the operator's surface: bundles over the API, and signing with release keys elsewhere. */
import type { Guard } from "../guard.js";

export const operatorGuards: readonly Guard[] = [
  {
    name: "bundles are bounded",
    principle: "P11",
    file: "fleet/api/app.ts",
    find: 'app.use("/v1/bundle", bodyBound(MAX_BUNDLE_BODY_BYTES));',
    replace: "",
    test: { file: "test/fleet/api-bundle.test.ts", name: "more than a bundle can have is refused" },
  },
  {
    name: "release keys sign for the fleet that their holder means",
    file: "fleet/cli/release-signing.ts",
    find: "return chainOf(links, { fleetId, more: known }, crypto);",
    replace: "return chainOf(links, fleetId.length === 0 ? { fleetId, more: known } : undefined, crypto);",
    test: { file: "test/fleet/cli-quorum.test.ts", name: "for drafts of another fleet" },
  },
  {
    name: "only release keys sign drafts",
    file: "fleet/cli/release-signing.ts",
    find: "keys.some((key) => equalBytes(key.bytes, signer.publicKey.bytes))",
    replace: "keys.some((key) => equalBytes(key.bytes, key.bytes))",
    test: { file: "test/fleet/cli-quorum.test.ts", name: "with a key that is no release key" },
  },
  {
    name: "nobody adds a signature beside a bad one",
    file: "fleet/cli/release-signing.ts",
    find: "verifyParts(parts, holdersOf(message.signedBy, trust).keys, fleetId, crypto, message.name);",
    replace: "",
    test: { file: "test/fleet/cli-quorum.test.ts", name: "beside a signature that is not good" },
  },
  {
    name: "release keys sign nothing but what is theirs",
    file: "fleet/cli/release-signing.ts",
    find: "else if (SIGNABLE.some((message) => message.type === type)) drafts.push(item);",
    replace: "else if (type === SIGNABLE[0]?.type) drafts.push(item);\n    else if (type) continue;",
    test: { file: "test/fleet/cli-quorum.test.ts", name: "with anything else in the file" },
  },
  {
    name: "a device confirms by hand only what it has stored",
    principle: "P4",
    file: "device/carry-commands.ts",
    find: "for (const item of items) device.receive(item);",
    replace: "queueMicrotask(() => items.forEach((item) => device.receive(item)));",
    test: { file: "test/fleet/cli-carry.test.ts", name: "a file quarantines a device that has no network" },
  },
];
