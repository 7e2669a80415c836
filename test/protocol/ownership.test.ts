/** The chain of ownership A → B → C: only the owner of the moment can give, and no older link counts again. */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { openDocument } from "../../protocol/authority.js";
import { openFirstAuthority } from "../../protocol/authority-chain.js";
import { parseEnvelope } from "../../protocol/cose.js";
import type { Signer } from "../../protocol/crypto.js";
import { type Opened, sealEnvelope } from "../../protocol/envelope.js";
import { openOwner, openTransfer } from "../../protocol/ownership.js";
import { Voucher } from "../../protocol/voucher.js";
import { filled, NOW } from "../vectors/examples.js";
import { testSigner } from "../x509/helpers.js";
import { foundingAuthority } from "./rotation.js";

/** A fleet with transfer and factory keys of its own. */
function owner(name: string) {
  const [root, transfer, factory] = ["root", "transfer", "factory"].map((role) =>
    testSigner("Ed25519", `${name} ${role}`),
  ) as [Signer, Signer, Signer];
  const keys = { root: [root], transfer: [transfer], factory: [factory] };
  const bytes = foundingAuthority({ keys, by: [root] }, name);
  const payload = parseEnvelope(bytes).payload;
  return {
    bytes,
    transfer,
    factory,
    hash: nodeCrypto.sha256(payload),
    trust: openFirstAuthority(bytes, nodeCrypto),
  };
}
type Owner = ReturnType<typeof owner>;
const [a, b, c] = ["A", "B", "C"].map(owner) as [Owner, Owner, Owner];

const device = { hardwareId: filled("hardware", 16), deviceKey: filled("device key", 32) };
const born = openDocument(
  Voucher,
  sealEnvelope(
    Voucher,
    { ...device, index: 0, owner: a.hash, level: "none", issuedAt: NOW },
    a.factory,
    a.trust.fleetId,
    nodeCrypto,
  ),
  a.trust,
  nodeCrypto,
);

function give(
  from: Owner,
  to: Owner,
  held: Opened<Voucher>,
  change: Partial<Voucher> = {},
  by = from.transfer,
) {
  const previous = nodeCrypto.sha256(parseEnvelope(held.bytes).payload);
  const link = {
    ...device,
    index: held.value.index + 1,
    previous,
    owner: to.hash,
    level: "restrict",
    issuedAt: NOW,
    ...change,
  } as const;
  return sealEnvelope(Voucher, link, by, from.trust.fleetId, nodeCrypto);
}

const toB = openTransfer(give(a, b, born), born, a.trust, nodeCrypto);
const toC = openTransfer(give(b, c, toB), toB, b.trust, nodeCrypto);

test("A gives to B, B gives to C, and each link names the next owner's Authority", () => {
  expect(openOwner(b.bytes, toB, nodeCrypto).fleetId).toEqual(b.trust.fleetId);
  expect(openOwner(c.bytes, toC, nodeCrypto).fleetId).toEqual(c.trust.fleetId);
  expect(toC.value).toMatchObject({ index: 2, level: "restrict" });
  expect(() => openOwner(c.bytes, toB, nodeCrypto)).toThrow(expect.objectContaining({ code: "wrong-key" }));
});

describe("P3: refused is", () => {
  test.each<[string, Uint8Array, Opened<Voucher>, Owner, string]>([
    ["a link that is held already", toB.bytes, toB, a, "out-of-range"],
    ["a link of an owner who has given it away", give(a, c, born), toB, b, "wrong-key"],
    ["the same, for who still trusts that owner", give(a, c, born), toB, a, "out-of-range"],
    ["a link that skips one", give(b, c, toB), born, b, "out-of-range"],
    ["a link with a number too high", give(a, b, born, { index: 2 }), born, a, "out-of-range"],
    [
      "a link after another one of the same number",
      give(a, c, openTransfer(give(a, c, born), born, a.trust, nodeCrypto)),
      toB,
      a,
      "out-of-range",
    ],
    [
      "a link that names nothing before it",
      give(a, b, born, { previous: undefined }),
      born,
      a,
      "out-of-range",
    ],
    [
      "a link for other hardware",
      give(a, b, born, { hardwareId: filled("other", 16) }),
      born,
      a,
      "wrong-key",
    ],
    ["a link for another key", give(a, b, born, { deviceKey: filled("other", 32) }), born, a, "wrong-key"],
    ["a link signed by the factory", give(a, b, born, {}, a.factory), born, a, "wrong-key"],
    ["a link signed by who takes", give(a, b, born, {}, b.transfer), born, a, "wrong-key"],
  ])("%s", (_name, bytes, held, giver, code) => {
    expect(() => openTransfer(bytes, held, giver.trust, nodeCrypto)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
