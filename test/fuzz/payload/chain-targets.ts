/** Certificates and chains of Authorities, by their bytes and by whoever has a CA's or a root key. */
import { peerVerdict } from "../../../device/peers.js";
import { judgeOf } from "../../../device/state.js";
import { openFirstAuthority, walkAuthorities } from "../../../protocol/authority-chain.js";
import { Authority, type Trust } from "../../../protocol/authority.js";
import { looksSigned, parseEnvelope } from "../../../protocol/cose.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { verifyChain } from "../../../protocol/x509/verify.js";
import { children, forge, type TbsParts, withLongLength, write } from "../../x509/forge.js";
import { NOW, testFleet, testSigner } from "../../x509/helpers.js";
import { type Draw, pick } from "../draw.js";
import { Unacceptable } from "../edge.js";
import { mutateBytes } from "../mutate-bytes.js";
import { outcomeOf } from "../outcome.js";
import { repeatable } from "./keys.js";
import { messageTargets, TAKEN, type Target } from "./target.js";
import type { World } from "./world.js";

export function chainTargets({ home, ring, documents }: World): readonly Target[] {
  const fleet = testFleet("ES256", repeatable);
  // The same keys; the signatures are quicker, and not the same each time.
  const signers = ["device CA", "service CA", "station 7", "4711"].map((name) =>
    testSigner("ES256", `fleet ${name}`),
  );
  const leaves = [fleet.ldevid, fleet.idevid, fleet.gateway, fleet.service, fleet.station];
  const all = leaves.map(({ certificate }) => certificate);
  const [state] = home.sailors.map((sailor) => sailor.state);
  if (!state) throw new Error("the world has devices");
  const judge = { ...judgeOf(state, {}, 0), trust: { ...state.held.trust, certificates: fleet.trust } };
  const verify = (leaf: Uint8Array) => {
    peerVerdict({ chain: [leaf] }, "any", judge);
    const chain = leaf.length % 2 === 0 ? [leaf] : [leaf, fleet.station.certificate];
    return outcomeOf(() => `${TAKEN}: ${verifyChain(chain, fleet.trust, NOW, repeatable).profile}`);
  };
  const forger = { ring, fleetId: home.service.trust.fleetId };
  const links = documents.filter(
    (bytes) => looksSigned(bytes) && parseEnvelope(bytes).type === Authority.type,
  );
  const first = openFirstAuthority(home.founding, repeatable);
  return [
    {
      name: "certificate",
      share: 14,
      draw: (draw) => mutateBytes(pick(draw, all), all, draw),
      attempt(leaf) {
        const word = verify(leaf);
        const genuine = all.some((known) => Buffer.from(known).equals(leaf));
        if (word.startsWith(TAKEN) && !genuine) throw new Unacceptable("a certificate that no CA has signed");
        return word;
      },
    },
    {
      name: "certificate, signed",
      share: 6,
      draw(draw) {
        const { certificate } = pick(draw, leaves);
        const forged = orRefusal(() =>
          forge(certificate, pick(draw, signers), (tbs) => alterCertificate(tbs, all, draw)),
        );
        return forged instanceof Uint8Array ? forged : certificate;
      },
      attempt: verify,
    },
    ...messageTargets("authority", 3, links, forger, (bytes) => walk(first, bytes)),
  ];
}

/** One or two parts of what is signed: cut, doubled, moved, or other bytes. */
export function alterCertificate(tbs: TbsParts, all: readonly Uint8Array[], draw: Draw): void {
  const names = ["version", "serial", "algorithm", "issuer", "validity", "subject", "publicKey"] as const;
  for (let count = 1 + draw(2); count > 0; count--) {
    const name = pick(draw, names);
    const part = write(tbs[name]);
    const at = draw(tbs.extensions.length + 1);
    const changes = [
      () => void (tbs[name] = mutateBytes(part, all, draw)),
      () => void (tbs[name] = write(tbs[pick(draw, names)])),
      () => void (tbs[name] = withLongLength(part)),
      () => void tbs.extensions.splice(at, 1),
      () => void tbs.extensions.splice(at, 0, tbs.extensions[0] ?? part),
      () => void tbs.extensions.reverse(),
      () => void (tbs.extensions[at] = mutateBytes(write(tbs.extensions[at] ?? part), all, draw)),
      () => void tbs.rest.push(part),
      () => void (tbs.validity instanceof Uint8Array || children(tbs.validity).reverse()),
    ];
    pick(draw, changes)();
  }
}

/** As version 1 of some fleet, and as the link after version 1 of this one. */
function walk(first: Trust, bytes: Uint8Array): string {
  const founding = orRefusal(() => openFirstAuthority(bytes, repeatable));
  if ("authority" in founding) return `${TAKEN}: of a fleet`;
  const { links: taken, refusal } = walkAuthorities([bytes], first, repeatable);
  return outcomeOf(() => {
    if (refusal) throw refusal;
    return taken.length > 0 ? `${TAKEN}: link` : "passed over";
  });
}
