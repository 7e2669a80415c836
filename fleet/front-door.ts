/** The fleet as its gateways see it: `FleetLink` over the service in the same process. */
import { AuthorityRequest } from "../protocol/authority-links.js";
import type { PublicKey } from "../protocol/crypto.js";
import { sealEnvelope } from "../protocol/envelope.js";
import { ProtocolError, type ProtocolErrorCode } from "../protocol/errors.js";
import { decodeFrame } from "../protocol/frame.js";
import { LedgerRequest } from "../protocol/ledger-part.js";
import { higherLevel, type Level } from "../protocol/level.js";
import { Time, TimeRequest } from "../protocol/time.js";
import type { Version } from "../protocol/version.js";
import { type DeviceRequest, openDeviceRequest } from "./edge.js";
import { type FleetEvent, fromBase64Url, toBase64Url } from "./events.js";
import { issuerOf } from "./issuers.js";
import { ledgerAnswer, pushedParts } from "./ledger-parts.js";
import type { FleetChange, FleetLink, Standing } from "./link.js";
import { authorityReply, certificateReply, protocolErrorReply, refusalReply, syncReply } from "./replies.js";
import { BEHIND_FENCE } from "./refusal.js";
import { keyFactOf } from "./sealing.js";
import type { FleetService } from "./service.js";
import { probeFor } from "./sync-tokens.js";
import { type DeviceView, type FleetView, numbersOfHardware } from "./view.js";

/** Gateways, stations and services count from here, so that devices can count from 1 without gaps. */
const FIRST_HOLDER_NUMBER = 0xf000_0000;
const TICKET_SEED_BYTES = 32;

export function frontDoor(service: FleetService): FleetLink {
  const { crypto, entropy } = service.options;
  const ticketSeed = entropy(TICKET_SEED_BYTES);
  return {
    trust: () => service.trust,
    standing: (number) => standingOfNumber(service, number),
    beacon: () => signedOf(service.view.beacon),
    handle: (number, message) => answerDevice(service, message, number),
    ticketSeed: () => ticketSeed,
    authorities: async (frame) =>
      authorityReply(service.view, decodeFrame(AuthorityRequest, frame), service.trust),
    ledger: async (frame) => ledgerAnswer(service.view, decodeFrame(LedgerRequest, frame), crypto),
    time: async (frame) => {
      const { nonce } = decodeFrame(TimeRequest, frame);
      const { authority, fleetId } = service.trust;
      const time = [authority.value.terms.time, service.now()] as const;
      return sealEnvelope(Time, { nonce, time }, service.keys.lease, fleetId, crypto);
    },
    certifyGateway: async (publicKey, hosts) =>
      holderChain(service, await certifyHolder(service, "gateway", publicKey, hosts)),
    watch(listener) {
      let beacon = service.view.beacon?.version;
      return service.onEvent((event) => {
        changesOf(event, service.view, beacon).forEach(listener);
        if (event.type === "beacon-issued") beacon = event.version;
      });
    },
  };
}

/**
 * What a device sent, answered: also when it comes by file, long after it was sent.
 * @param session - number of the device whose session brought it; absent: brought by anyone.
 * @returns what to send to the device, in order; refusals too.
 */
export async function answerDevice(
  service: FleetService,
  message: Uint8Array,
  session?: number,
): Promise<readonly Uint8Array[]> {
  const { crypto } = service.options;
  if (isFenced(service)) return [refusalReply(BEHIND_FENCE)];
  let opened: DeviceRequest;
  try {
    opened = await openCaughtUp(service, message);
  } catch (error) {
    if (error instanceof ProtocolError) return [protocolErrorReply(error)];
    throw error;
  }
  const { request, nonce, sync } = opened;
  if (session !== undefined && request.number !== session)
    return [refusalReply({ code: "denied", text: "sent over another device's session" })];
  const { refusal } = await service.request(request, `device/${request.number}`);
  if (isFenced(service)) return [refusalReply(BEHIND_FENCE, nonce)]; // raised meanwhile
  if (refusal) return [refusalReply(refusal, nonce)];
  const { view, trust } = service;
  const device = view.devices.get(request.number);
  if (!device || !nonce) return [];
  if (sync) {
    const probe = device.lease?.nonce === toBase64Url(nonce) ? undefined : probeOf(service, device);
    return [syncReply(view, device, sync, trust, crypto, service.renew, probe)];
  }
  if (device.certificates.at(-1)?.nonce !== toBase64Url(nonce)) {
    return [refusalReply({ code: "held", text: `held at ${device.level}: sync instead` }, nonce)];
  }
  return [certificateReply(view, device, nonce, trust, crypto, service.renew)];
}

function isFenced({ stopped }: FleetService): boolean {
  return stopped?.code === "fenced";
}

/** What a newer view may see otherwise: keys, and who there is. */
const MAY_BE_NEWS: ReadonlySet<ProtocolErrorCode> = new Set([
  "wrong-key",
  "bad-signature",
  "quorum-missing",
  "bad-certificate",
]);

/** Nobody is turned away for a key that another service has certified and this one has not heard of yet. */
async function openCaughtUp(service: FleetService, message: Uint8Array): Promise<DeviceRequest> {
  const { position } = service;
  try {
    return openNow(service, message);
  } catch (error) {
    if (!(error instanceof ProtocolError) || !MAY_BE_NEWS.has(error.code)) throw error;
    await service.caughtUp();
    if (service.position === position) throw error;
    return openNow(service, message);
  }
}

function openNow(service: FleetService, message: Uint8Array): DeviceRequest {
  const { view, trust } = service;
  const { crypto, tokenSecret, attest } = service.options;
  return openDeviceRequest(message, { view, trust, crypto, now: service.now(), tokenSecret, attest });
}

/** For a device whose sync was answered without a lease: it may have been signed long ago. */
function probeOf({ options, trust, view }: FleetService, device: DeviceView): Uint8Array {
  const { tokenSecret: secret, crypto } = options;
  return probeFor({ secret, era: view.era, fleetId: trust.fleetId, crypto }, device, device.tokens.shown);
}

/** A certificate for a program of the fleet's own that listens on the bus. @returns DER, leaf first. */
export async function certifyService(service: FleetService, key: PublicKey): Promise<readonly Uint8Array[]> {
  return holderChain(service, await certifyHolder(service, "service", key));
}

function holderChain(service: FleetService, event: FleetEvent): readonly Uint8Array[] {
  const leaf = signedOf(event);
  const ca = issuerOf(leaf, service.trust.authority.value);
  return ca ? [leaf, ca] : [leaf];
}

/** Issues a certificate to a holder that is no device, under the next free number. */
export function certifyHolder(
  service: FleetService,
  profile: "gateway" | "service" | "station",
  key: PublicKey,
  hosts: readonly string[] = [],
): Promise<FleetEvent> {
  return service.record("fleet", ({ holders }) => {
    const number = Math.max(holders + 1, FIRST_HOLDER_NUMBER);
    return { type: "holder-certified", number, profile, hosts, key: keyFactOf(key) };
  });
}

function standingOfNumber(service: FleetService, number: number): Standing | undefined {
  const device = service.view.devices.get(number);
  if (!device) return undefined;
  const { level, lowestGeneration, certificates, transferred, suspectedAt } = device;
  const seen = transferred ? higherLevel<Level>(level, "isolate") : level; // here it gets nothing any more
  const [enrolled, suspected] = [certificates.length > 0, suspectedAt !== undefined];
  return { level: seen, lowestGeneration, enrolled, suspected };
}

/** @param before - the Beacon that stood before this event. */
function changesOf(event: FleetEvent, view: FleetView, before: Version | undefined): readonly FleetChange[] {
  switch (event.type) {
    case "device-imported":
    case "certificate-issued":
    case "clone-suspected":
    case "device-vouched":
    case "device-reenrolled":
      return [{ type: "standing", number: event.number }];
    case "device-transferred":
      return numbersOfHardware(view, event.number).map((number) => ({ type: "standing", number }));
    case "directive-issued":
    case "release-issued":
      // The document first: a session that is cut for it should still hear why.
      return [
        { type: "push", number: event.number, document: signedOf(event) },
        { type: "standing", number: event.number },
      ];
    case "advisories-issued":
    case "advisories-removed":
      // Whom a removal frees is not to be seen any more, so everyone is looked at again.
      return [
        { type: "broadcast", document: signedOf(event) },
        ...[...view.devices.keys()].map((number) => ({ type: "standing", number }) as const),
      ];
    case "authority-issued":
      return [{ type: "authority" }, { type: "broadcast", document: signedOf(event) }];
    case "beacon-issued":
      return [{ type: "beacon", document: signedOf(event), parts: pushedParts(view, before) }];
    default:
      return [];
  }
}

function signedOf(event: FleetEvent | undefined): Uint8Array {
  if (event?.signed === undefined) throw new Error("an event of this type always carries what was signed");
  return fromBase64Url(event.signed);
}
