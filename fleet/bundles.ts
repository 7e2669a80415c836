/**
 * What comes to the fleet and goes out from it by file, on a stick or from peer to peer: requests of devices,
 * documents signed elsewhere, and documents that this server has lost; and out, all that a device may lack.
 */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import { Approval } from "../protocol/approval.js";
import { Authority } from "../protocol/authority.js";
import { Beacon } from "../protocol/beacon.js";
import { EnrollRequest, ReenrollRequest, RenewRequest, ReturnRequest } from "../protocol/certify.js";
import { looksSigned, parseEnvelope } from "../protocol/cose.js";
import { Directive } from "../protocol/directive.js";
import { ProtocolError, type ProtocolErrorCode } from "../protocol/errors.js";
import { decodeFrame, frameType } from "../protocol/frame.js";
import { SIGNED_MESSAGES } from "../protocol/messages.js";
import { type ErrorCode, ErrorReply } from "../protocol/notice.js";
import { Release } from "../protocol/release.js";
import { Receipt, SyncRequest } from "../protocol/sync.js";
import { Transfer } from "../protocol/voucher.js";
import { openFleetDocument } from "./edge-documents.js";
import { FleetError, type FleetErrorCode } from "./errors.js";
import { answerDevice } from "./front-door.js";
import { confirmedBy, lackingDocuments, lackingLinks } from "./lacking.js";
import { pathFrom } from "./ledger-history.js";
import { partFrames } from "./ledger-parts.js";
import type { FleetService } from "./service.js";

/** What came of one item of a bundle. */
export interface ItemOutcome {
  /** `typ` of the envelope less 65000; undefined for a frame, and for what cannot be read. */
  readonly type?: number;
  /** `passed-over`: nothing for a fleet, such as its own leases and ledger data. */
  readonly result: "taken" | "refused" | "passed-over";
  /** Why it was refused. */
  readonly code?: ProtocolErrorCode | FleetErrorCode | ErrorCode;
  readonly text?: string;
  /** For the device that sent it, to be carried back; its refusal too. */
  readonly answers: readonly Uint8Array[];
}

const PASSED_OVER: ItemOutcome = { result: "passed-over", answers: [] };

const typesOf = (...messages: readonly { readonly type: number }[]): readonly number[] =>
  messages.map(({ type }) => type);
const FROM_DEVICES = typesOf(
  EnrollRequest,
  RenewRequest,
  ReturnRequest,
  ReenrollRequest,
  SyncRequest,
  Receipt,
);
const FROM_ROLES = typesOf(Directive, Release, AdvisoryList, AdvisoryRemoval, Beacon, Approval, Transfer);

/**
 * Takes one item of a bundle, as if it had come over the network. Items are to be given in the order of the
 * bundle: an Authority comes before what it lets others sign.
 * @param actor - who brought the bundle.
 * @throws FleetError "storage-failed" or "overloaded": the rest should not be tried.
 */
export async function takeItem(service: FleetService, item: Uint8Array, actor: string): Promise<ItemOutcome> {
  try {
    if (!looksSigned(item)) {
      frameType(item); // refuses what is neither
      return PASSED_OVER;
    }
    const { type } = parseEnvelope(item);
    return { type, ...(await takeEnvelope(service, item, type, actor)) };
  } catch (error) {
    return refused(error);
  }
}

async function takeEnvelope(
  service: FleetService,
  item: Uint8Array,
  type: number,
  actor: string,
): Promise<ItemOutcome> {
  if (FROM_DEVICES.includes(type)) return outcomeOf(await answerDevice(service, item));
  if (type === Authority.type) await service.installAuthority(item, actor);
  else if (FROM_ROLES.includes(type)) {
    const request = openFleetDocument(item, service.trust, service.options.crypto);
    const { refusal } = await service.request(request, actor);
    if (refusal) return { result: "refused", code: refusal.code, text: refusal.text, answers: [] };
  } else if (SIGNED_MESSAGES.some((message) => message.type === type)) return PASSED_OVER;
  else throw new ProtocolError("unknown-type", `type ${type} is no message of this version`);
  return { result: "taken", answers: [] };
}

/** A device's request was refused when an error is what the device is to hear. */
function outcomeOf(answers: readonly Uint8Array[]): ItemOutcome {
  const isError = (answer: Uint8Array) => !looksSigned(answer) && frameType(answer) === ErrorReply.type;
  const error = answers.find(isError);
  if (!error) return { result: "taken", answers };
  const { code, text = "" } = decodeFrame(ErrorReply, error);
  return { result: "refused", code, text, answers };
}

function refused(error: unknown): ItemOutcome {
  const ours = error instanceof FleetError && !["storage-failed", "overloaded"].includes(error.code);
  if (ours || error instanceof ProtocolError)
    return { result: "refused", code: error.code, text: error.message, answers: [] };
  throw error;
}

/**
 * What a stick carries to one device, or to all: everything that it has not confirmed to hold. A device that
 * never spoke, and any device, has version 1 of the Authority from its birth.
 * @returns items of a bundle, in the order in which they prove each other.
 * @throws FleetError "not-found"
 */
export function exportFor(
  { view, trust, options, renew }: FleetService,
  number?: number,
): readonly Uint8Array[] {
  const { crypto } = options;
  const device = number === undefined ? undefined : view.devices.get(number);
  if (number !== undefined && !device) throw new FleetError("not-found", `there is no device ${number}`);
  const holds = confirmedBy(device?.held);
  const path = pathFrom(view.ledger, holds.ledger, crypto);
  return [
    ...lackingLinks(view, holds.authority.version),
    ...lackingDocuments(view, device, holds, trust.authority.value.terms, crypto, renew),
    ...(path ? partFrames(path) : []),
  ];
}
