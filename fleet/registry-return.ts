/**
 * Whether a device whose LDevID ended may come back by itself: the owner's policy says so, a verifier of its
 * evidence, or an operator.
 */
import type { Refusal } from "./refusal.js";
import type { Context, Decision } from "./registry.js";
import type { CertifyRequest } from "./registry-certify.js";
import type { DeviceView } from "./view.js";

/** Seconds after which a device that waits for an operator should ask again; the wire takes no more. */
const APPROVAL_RETRY_SECONDS = 3600;

const WAITS: Refusal = {
  code: "approval-pending",
  text: "an operator has to agree first: ask again, with the same request",
  retryAfterSeconds: APPROVAL_RETRY_SECONDS,
};

/** @returns why the device has to wait; undefined: it may have its LDevID. */
export function decideReturn(
  device: DeviceView,
  request: CertifyRequest,
  context: Context,
): Decision | undefined {
  if (!isComingBack(device, context) || mayReturn(device, request, context)) return undefined;
  if (device.comingBack === "asked") return { accepted: false, refusal: WAITS };
  const { number } = device;
  return { accepted: false, refusal: WAITS, noted: [{ type: "return-requested", number }] };
}

/** Whichever way it asks: an enrollment that is repeated is a return too. */
function isComingBack({ certificates }: DeviceView, { now }: Context): boolean {
  const last = certificates.at(-1);
  return last !== undefined && last.notAfter < now;
}

function mayReturn({ comingBack }: DeviceView, { attested }: CertifyRequest, { policy }: Context): boolean {
  switch (policy.returns) {
    case "accept":
      return true;
    case "attest":
      return attested === true || comingBack === "approved";
    case "ask":
      return comingBack === "approved";
  }
}
