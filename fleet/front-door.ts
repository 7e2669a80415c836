/** The fleet as its gateways see it: `FleetLink` over the service in the same process. */
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { ProtocolError } from "../protocol/errors.js";
import { sealEnvelope } from "../protocol/envelope.js";
import { decodeFrame } from "../protocol/frame.js";
import { Time, TimeRequest } from "../protocol/time.js";
import { type DeviceRequest, openDeviceRequest } from "./edge.js";
import { type FleetEvent, fromBase64Url } from "./events.js";
import type { FleetChange, FleetLink, Standing } from "./link.js";
import { certificateReply, protocolErrorReply, refusalReply, syncReply } from "./replies.js";
import { keyFactOf } from "./sealing.js";
import type { FleetService } from "./service.js";

/** Gateways, stations and services count from here, so that devices can count from 1 without gaps. */
const FIRST_HOLDER_NUMBER = 0xf000_0000;

export function frontDoor(service: FleetService): FleetLink {
  const { crypto } = service.options;
  return {
    trust: () => service.trust,
    standing: (number) => standingOfNumber(service, number),
    beacon: () => signedOf(service.view.beacon),
    handle: (number, message) => handle(service, number, message, crypto),
    time: async (frame) => {
      const { nonce } = decodeFrame(TimeRequest, frame);
      const { keys } = service.options;
      const { authority, fleetId } = service.trust;
      const time = [authority.value.terms.time, service.now()] as const;
      return sealEnvelope(Time, { nonce, time }, keys.lease, fleetId, crypto);
    },
    certifyGateway: async (publicKey, hosts) =>
      holderChain(service, await certifyHolder(service, "gateway", publicKey, hosts)),
    watch: (listener) => service.onEvent((event) => changesOf(event).forEach(listener)),
  };
}

/** A certificate for a program of the fleet's own that listens on the bus. @returns DER, leaf first. */
export async function certifyService(service: FleetService, key: PublicKey): Promise<readonly Uint8Array[]> {
  return holderChain(service, await certifyHolder(service, "service", key));
}

function holderChain(service: FleetService, event: FleetEvent): readonly Uint8Array[] {
  const ca = service.trust.authority.value.issuers.find(({ purpose }) => purpose === "service");
  return ca ? [signedOf(event), ca.certificate] : [signedOf(event)];
}

/** Issues a certificate to a holder that is no device, under the next free number. */
export function certifyHolder(
  service: FleetService,
  profile: "gateway" | "service" | "station",
  key: PublicKey,
  hosts: readonly string[] = [],
): Promise<FleetEvent> {
  return service.record("holders", "fleet", ({ holders }) => {
    const number = Math.max(holders + 1, FIRST_HOLDER_NUMBER);
    return { type: "holder-certified", number, profile, hosts, key: keyFactOf(key) };
  });
}

function standingOfNumber(service: FleetService, number: number): Standing | undefined {
  const device = service.view.devices.get(number);
  if (!device) return undefined;
  const { level, lowestGeneration, certificates } = device;
  return { level, lowestGeneration, enrolled: certificates.length > 0 };
}

async function handle(
  service: FleetService,
  number: number,
  message: Uint8Array,
  crypto: Crypto,
): Promise<readonly Uint8Array[]> {
  let opened: DeviceRequest;
  try {
    opened = openDeviceRequest(message, {
      view: service.view,
      trust: service.trust,
      crypto,
      now: service.now(),
    });
  } catch (error) {
    if (error instanceof ProtocolError) return [protocolErrorReply(error)];
    throw error;
  }
  const { request, nonce, sync } = opened;
  if (request.number !== number)
    return [refusalReply({ code: "denied", text: "sent over another device's session" })];
  const { refusal } = await service.request(request, `device/${number}`);
  if (refusal) return [refusalReply(refusal, nonce)];
  const device = service.view.devices.get(number);
  if (!device || !nonce) return [];
  if (sync) return [syncReply(service.view, device, sync, crypto)];
  if (device.certificates.at(-1)?.nonce !== (request.type === "certify" ? request.nonce : undefined)) {
    return [refusalReply({ code: "held", text: `held at ${device.level}: sync instead` }, nonce)];
  }
  return [certificateReply(device, nonce, service.trust)];
}

function changesOf(event: FleetEvent): readonly FleetChange[] {
  switch (event.type) {
    case "device-imported":
    case "certificate-issued":
      return [{ type: "standing", number: event.number }];
    case "directive-issued":
    case "release-issued":
      // The document first: a session that is cut for it should still hear why.
      return [
        { type: "push", number: event.number, document: signedOf(event) },
        { type: "standing", number: event.number },
      ];
    case "beacon-issued":
      return [{ type: "beacon", document: signedOf(event) }];
    default:
      return [];
  }
}

function signedOf(event: FleetEvent | undefined): Uint8Array {
  if (event?.signed === undefined) throw new Error("an event of this type always carries what was signed");
  return fromBase64Url(event.signed);
}
