/** The head of the ledger: signed again whenever something changed that it speaks of. */
import type { Base64Url } from "./events.js";
import { accept, refuse } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import { type FleetView, inTerm } from "./view.js";

/** `digest`: of the ledger at this epoch, `contentDigest` of protocol/ledger/content.ts. */
export interface BeaconRequest {
  readonly type: "issue-beacon";
  readonly epoch: number;
  readonly digest: Base64Url;
}

/** No Beacon yet, or one of an earlier term or epoch. */
export function beaconDue({ beacon, epoch }: FleetView, { terms }: Context): boolean {
  return beacon?.version[0] !== terms.ledger || beacon.version[1] !== epoch;
}

export function decideBeacon(view: FleetView, { epoch, digest }: BeaconRequest, context: Context): Decision {
  if (epoch !== view.epoch || !beaconDue(view, context))
    return refuse("conflict", "the ledger has changed, or another Beacon came first");
  const { terms, authority } = context;
  const { list, removal } = view.advisories;
  return accept({
    type: "beacon-issued",
    version: [terms.ledger, view.epoch],
    denied: view.denied.size,
    digest,
    authority,
    advisories: inTerm(list?.version, terms.advisory),
    removals: inTerm(removal?.version, terms.advisory),
  });
}
