/** Doors of the fleet: what devices send, and what roles have signed, opened and decided on; nothing is kept. */
import { openDeviceRequest } from "../../../fleet/edge.js";
import { openFleetDocument } from "../../../fleet/edge-documents.js";
import { decide, type RegistryRequest } from "../../../fleet/registry.js";
import { syncReply } from "../../../fleet/replies.js";
import { sealFact } from "../../../fleet/sealing.js";
import type { FleetService } from "../../../fleet/service.js";
import { AuthorityRequest } from "../../../protocol/authority-links.js";
import { looksSigned } from "../../../protocol/cose.js";
import { frameType } from "../../../protocol/frame.js";
import { LedgerRequest } from "../../../protocol/ledger-part.js";
import { codeOf, outcomeOf } from "../outcome.js";
import { repeatable } from "./keys.js";
import { messageTargets, TAKEN, type Target } from "./target.js";
import type { World } from "./world.js";

export function fleetTargets({ home, ring, documents }: World): readonly Target[] {
  const { service } = home;
  const forger = { ring, fleetId: service.trust.fleetId };
  const asked = home.sailors.flatMap(({ up }) => up);
  return [
    ...messageTargets("fleet", 24, asked, forger, (bytes) =>
      looksSigned(bytes) ? askSigned(service, bytes) : askInFrame(home, bytes),
    ),
    ...messageTargets("fleet document", 12, documents.filter(looksSigned), forger, (bytes) =>
      bringDocument(service, bytes),
    ),
  ];
}

function askSigned(service: FleetService, bytes: Uint8Array): string {
  return outcomeOf(() => {
    const { view, trust } = service;
    const { tokenSecret } = service.options;
    const edge = { view, trust, crypto: repeatable, now: service.now(), tokenSecret };
    const { request, sync } = openDeviceRequest(bytes, edge);
    const device = view.devices.get(request.number);
    if (sync && device) syncReply(view, device, sync, trust, repeatable);
    return `${TAKEN}: ${request.type}${decided(service, request)}`;
  });
}

function bringDocument(service: FleetService, bytes: Uint8Array): string {
  return outcomeOf(() => {
    const request = openFleetDocument(bytes, service.trust, repeatable);
    return `${TAKEN}: ${request.name}${decided(service, request)}`;
  });
}

/** What it comes to, up to the events that would be written down. */
function decided(service: FleetService, request: RegistryRequest): string {
  const decision = decide(service.view, request, service.context());
  if (!decision.accepted) return `, then ${decision.refusal.code}`;
  for (const fact of decision.facts) JSON.stringify(sealFact(fact, "fuzz", service.sealing()));
  return "";
}

async function askInFrame({ link }: World["home"], bytes: Uint8Array): Promise<string> {
  try {
    const type = frameType(bytes);
    if (type === AuthorityRequest.type) await link.authorities(bytes);
    else if (type === LedgerRequest.type) await link.ledger(bytes);
    else await link.time(bytes);
    return `${TAKEN}: frame`;
  } catch (error) {
    return codeOf(error);
  }
}
