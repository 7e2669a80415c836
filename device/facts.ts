/** What a device knows about itself, and so which advisories are about it. Pure. */
import type { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import type { Opened } from "../protocol/envelope.js";
import type { Facts } from "../protocol/predicate.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import { type AdvisoryHolding, evaluate, putInForce } from "./advisories.js";
import { type DeviceState, ofTerm, withHeld } from "./state.js";

/** The generation is not known before the first LDevID, nor the firmware where the host does not name it. */
export function factsOf({ record, held, idevidKey, build }: DeviceState): Facts {
  const { number, model, hardwareId } = record;
  const [, station] = record.idevid;
  const issuer = station && decodeCertificate(station).fields;
  return {
    number,
    model,
    hardwareId,
    algorithm: (record.base?.publicKey ?? idevidKey).algorithm,
    ...(held.ldevid && { generation: held.ldevid.generation }),
    ...(issuer && "holder" in issuer && { station: issuer.holder.number }),
    ...(build.firmware !== undefined && { firmware: build.firmware }),
  };
}

/** Holds against the facts whatever advisories there are: at boot, and after each change of either. */
export function evaluated(state: DeviceState): DeviceState {
  const { advisories, trust } = state.held;
  if (!ofTerm<Opened<AdvisoryList>>(advisories.list, trust.authority.value.terms.advisory)) return state;
  const next = evaluate(advisories, factsOf(state));
  return next === advisories ? state : withAdvisories(state, next);
}

export function withAdvisories(state: DeviceState, advisories: AdvisoryHolding): DeviceState {
  const { list, removal, freed, latched } = advisories;
  return withHeld(
    state,
    { advisories },
    {
      ...(list && { advisories: list.bytes }),
      ...(removal && { removals: removal.bytes }),
      ...(freed && { freedRemovals: freed.bytes }),
      latched,
    },
  );
}

/** What a lease that counts does: it named the removal held, unless that is of an earlier term. */
export function removalInForce(state: DeviceState): DeviceState {
  const { removal, ...others } = state.held.advisories;
  const named = ofTerm<Opened<AdvisoryRemoval>>(removal, state.held.trust.authority.value.terms.advisory);
  const forced = putInForce({ ...others, ...(named && { removal: named }) });
  return withAdvisories(state, { ...forced, ...(removal && { removal }) });
}
