/** Chains of Authorities, good and bad: version 1 and the links after it, as a bundle carries them. */
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Authority, Trust } from "../../protocol/authority.js";
import { openFirstAuthority, openNextAuthority } from "../../protocol/authority-chain.js";
import { joinBundle } from "../../protocol/bundle.js";
import { toHex } from "../../protocol/bytes.js";
import type { ProtocolErrorCode } from "../../protocol/errors.js";
import { foundingAuthority, nextAuthority, type Next, roleSigner } from "../protocol/rotation.js";
import { testFleet } from "../x509/helpers.js";
import { diag } from "./diag.js";
import { filled } from "./examples.js";
import type { Vector } from "./json.js";

const [R1, R2, R3, R4] = [1, 2, 3, 4].map((version) => roleSigner("root", version)) as [
  ReturnType<typeof roleSigner>,
  ReturnType<typeof roleSigner>,
  ReturnType<typeof roleSigner>,
  ReturnType<typeof roleSigner>,
];
const ROOT_OF_TWO = { keys: { root: [R2, R3] }, thresholds: { root: 2 } };
const founding = foundingAuthority({ by: [R1] });
const first = openFirstAuthority(founding, nodeCrypto);
const { terms } = first.authority.value;

/** `want`: the newest version, or why some link is refused. */
export function chainVectors(): readonly Vector[] {
  const second = nextAuthority(first, { ...ROOT_OF_TWO, by: [R1, R2, R3] });
  const trust = after(second);
  const third = nextAuthority(trust, { change: { terms: { ...terms, directive: 2 } }, by: [R3, R2] });
  const link = (next: Next) => [founding, second, nextAuthority(trust, next)];
  const change = (value: Partial<Authority>) => link({ change: value, by: [R2, R3] });
  const foreign = foundingAuthority({ by: [R1] }, "another fleet");
  const { issuers } = testFleet("Ed25519", nodeCrypto, "another fleet").trust;
  const hopeless = { keys: { root: [R2, R3], release: [R4] }, thresholds: { root: 2, release: 2 } };
  const twice = { keys: { root: [R2, R3], release: [R4, R4] }, thresholds: { root: 2, release: 2 } };

  return [
    good("version 1 alone", [founding], 1),
    good("the root goes from one key to two of two", [founding, second], 2),
    good("a term is raised, the signatures in another order", [founding, second, third], 3),
    good(
      "a new base of time with a new term, earlier than before",
      change({ terms: { ...terms, time: 2, timeBase: 7 } }),
      3,
    ),
    bad("version 2 alone", [second], "out-of-range"),
    bad("link 2 is missing", [founding, third], "out-of-range"),
    bad("a link twice", [founding, second, second], "out-of-range"),
    bad("version 1 of another fleet, then links of this one", [foreign, second], "bad-signature"),
    bad(
      "signed by the new root alone",
      [founding, nextAuthority(first, { ...ROOT_OF_TWO, by: [R2, R3] })],
      "quorum-missing",
    ),
    bad(
      "signed by the old root alone",
      [founding, nextAuthority(first, { ...ROOT_OF_TWO, by: [R1] })],
      "quorum-missing",
    ),
    bad("signed by one of two", link({ by: [R2] }), "quorum-missing"),
    bad("signed by a stranger too", link({ by: [R2, R3, R4] }), "wrong-key"),
    bad("names another version before it", change({ previous: filled("other", 32) }), "wrong-key"),
    bad("names no version before it", change({ previous: undefined }), "wrong-key"),
    bad(
      "a lower term",
      [founding, second, third, nextAuthority(after(second, third), { change: { terms }, by: [R2, R3] })],
      "out-of-range",
    ),
    bad(
      "another base of time in the same term",
      change({ terms: { ...terms, timeBase: 7 } }),
      "out-of-range",
    ),
    bad("a role without keys", change({ roles: first.authority.value.roles.slice(1) }), "wrong-key"),
    bad("a threshold above the number of keys", link({ ...hopeless, by: [R2, R3] }), "out-of-range"),
    bad("a key twice in a role", link({ ...twice, by: [R2, R3] }), "out-of-range"),
    bad("certificates of another fleet's root", change({ issuers }), "bad-certificate"),
  ];
}

function after(...links: readonly Uint8Array[]): Trust {
  return links.reduce((trust, link) => openNextAuthority(link, trust, nodeCrypto), first);
}

function good(name: string, items: readonly Uint8Array[], version: number): Vector {
  return vector(name, items, { version });
}

function bad(name: string, items: readonly Uint8Array[], error: ProtocolErrorCode): Vector {
  return vector(name, items, { error });
}

function vector(name: string, items: readonly Uint8Array[], want: Vector["want"]): Vector {
  return { name, hex: toHex(joinBundle(items)), diag: items.map(diag).join(",\n"), want };
}
