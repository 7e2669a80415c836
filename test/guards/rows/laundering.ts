/** Guards of the table of docs/laundering.md: what keeps a standing where somebody tries to lose it. */
import type { Guard } from "../guard.js";

const LAUNDERING = "test/world/laundering.test.ts";
const row = (name: string) => ({ file: LAUNDERING, name: `P7: ${name}:` });

export const launderingGuards: readonly Guard[] = [
  {
    name: "who is held gets no certificate",
    principle: "P7",
    file: "fleet/registry-certify.ts",
    find: 'if (isQuarantined(device.level)) return refuse("held", `held at ${device.level}: sync instead`);',
    replace: "",
    test: row("renew"),
  },
  {
    name: "a second birth of the same hardware inherits what advisories gave the first one",
    principle: "P7",
    file: "fleet/registry-certify.ts",
    find: "return [device.standing, ...advised.map(({ level }) => level)];",
    replace: "return [device.standing];",
    test: row("re-birth at another station"),
  },
  {
    name: "a second birth at another station inherits what directives gave the first one",
    principle: "P7",
    file: "fleet/registry-certify.ts",
    find: "return [device.standing, ...advised.map(({ level }) => level)];",
    replace: "return advised.map(({ level }) => level);",
    test: row("re-birth at another station"),
  },
  {
    name: "the link of a voucher says how the device stands when it is given away",
    principle: "P7",
    file: "fleet/registry-transfer.ts",
    find: 'level: levels.reduce<Level>(higherLevel, "none"),',
    replace: 'level: "none",',
    test: row("owner transfer"),
  },
  {
    name: "hardware that was born with a key is not born with another one",
    principle: "P7",
    file: "fleet/station/station.ts",
    find: "if (equalBytes(known.publicKey.bytes, publicKey.bytes)) return known;",
    replace: "if (known) return known;",
    test: row("factory reset, all erased"),
  },
  {
    name: "a state older than its counter is told",
    principle: "P3",
    file: "device/adapters/two-slots.ts",
    find: 'ahead < 0 ? "rollback"',
    replace: 'ahead < -1e9 ? "rollback"',
    test: row("restored image, state alone"),
  },
  {
    name: "a whole image from before shows by its token",
    principle: "P7",
    file: "fleet/sync-tokens.ts",
    find: 'if (token?.era === undefined) return "stale";',
    replace: 'return "in-order";',
    test: row("restored image, whole"),
  },
  {
    name: "two that have the same keys get no lease between them",
    principle: "P7",
    file: "fleet/registry-sync.ts",
    find: "return provesTwo(tokens, era, sync)\n",
    replace: "return provesTwo(tokens, era, sync) && false\n",
    test: row("clone of an image from before"),
  },
  {
    name: "keys that an Authority replaced sign no more",
    principle: "P13",
    file: "protocol/envelope.ts",
    find: 'if (!signer) throw new ProtocolError("wrong-key", `${name}: the key that signed this may not sign it`);',
    replace: "if (!signer) return keys[0]!;",
    test: row("release by a rotated-out key"),
  },
];
