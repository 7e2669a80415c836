/** The operators who sign releases together, each with a key of their own and none of them at the server. */
import { takeItem } from "../../fleet/bundles.js";
import { type Draft, draftsOf } from "../../fleet/drafts.js";
import type { FleetService } from "../../fleet/service.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { AdvisoryRemoval } from "../../protocol/advisory.js";
import { Approval } from "../../protocol/approval.js";
import type { Signer } from "../../protocol/crypto.js";
import { addSignature, sealEnvelope } from "../../protocol/envelope.js";
import { Release } from "../../protocol/release.js";
import type { Message } from "../../protocol/schema.js";
import { Transfer } from "../../protocol/voucher.js";

const MESSAGES = {
  release: Release,
  "advisory-removal": AdvisoryRemoval,
  approval: Approval,
  voucher: Transfer,
} as const;

/** What a request needs, signed by these in their order. */
export function signedDrafts(
  service: FleetService,
  id: string,
  signers: readonly Signer[],
): readonly Uint8Array[] {
  const pending = service.view.acts.get(id);
  if (!pending) throw new Error(`there is no request ${id}`);
  return draftsOf(service.view, pending, service.context()).map((draft) => signed(service, draft, signers));
}

function signed(
  { trust: { fleetId } }: FleetService,
  { name, value }: Draft,
  [first, ...others]: readonly Signer[],
): Uint8Array {
  if (!first) throw new Error("somebody has to sign");
  const sealed = sealEnvelope(MESSAGES[name] as Message<unknown>, value, first, fleetId, nodeCrypto);
  return others.reduce((bytes, signer) => addSignature(bytes, signer, fleetId, nodeCrypto), sealed);
}

/** All sign, and the result is brought to the service. @throws when it is refused. */
export async function bringSigned(
  service: FleetService,
  id: string,
  signers: readonly Signer[],
): Promise<void> {
  for (const document of signedDrafts(service, id, signers)) {
    const { result, text } = await takeItem(service, document, "admin");
    if (result !== "taken") throw new Error(`${result}: ${text}`);
  }
}
