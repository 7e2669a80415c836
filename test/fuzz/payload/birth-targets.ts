/** A birth at both ends: a station that hears a device, and a device that hears a station. */
import { DeviceError } from "../../../device/errors.js";
import { FleetError } from "../../../fleet/errors.js";
import { fromBase64Url } from "../../../fleet/events.js";
import type { StationIdentity } from "../../../fleet/station/births.js";
import { fleetJournal } from "../../../fleet/station/fleet-journal.js";
import { Station, type StationJournal } from "../../../fleet/station/station.js";
import { BirthChallenge, BirthHello, BirthRequest } from "../../../protocol/birth.js";
import type { Signer } from "../../../protocol/crypto.js";
import { looksSigned, parseEnvelope } from "../../../protocol/cose.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { encodeFrame } from "../../../protocol/frame.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { codeOf } from "../outcome.js";
import { bornWith } from "./birth.js";
import { countedEntropy, repeatable } from "./keys.js";
import { messageTargets, TAKEN, type Target } from "./target.js";
import type { Fleet, World } from "./world.js";

export function birthTargets({ home, ring }: World): readonly Target[] {
  const forger = { ring, fleetId: home.service.trust.fleetId };
  const idevid = ring.signer("hw-steady");
  return [
    ...messageTargets("station", 8, home.births, forger, (bytes) => atStation(home, bytes)),
    ...messageTargets("grant", 3, home.grants, forger, (bytes) => atDevice(home, idevid, bytes)),
  ];
}

/** A station begins anew with each message; a request finds the challenge open that it claims to answer. */
async function atStation(home: Fleet, bytes: Uint8Array): Promise<string> {
  const journal: StationJournal = { ...fleetJournal(home.service), append: () => Promise.resolve() };
  const claimed = orRefusal(() => BirthRequest.decode(parseEnvelope(bytes).payload));
  const request = claimed instanceof ProtocolError ? undefined : claimed;
  const identity = identityOf(home, request?.nonce);
  const station = new Station(
    () => Promise.resolve(identity),
    journal,
    () => home.service.now(),
  );
  try {
    if (request) {
      const { hardwareId, model, publicKey } = request;
      await station.receive(encodeFrame(BirthHello, { hardwareId, model, algorithm: publicKey.algorithm }));
    }
    const answer = await station.receive(bytes);
    return `${TAKEN}: ${answer.length === 0 ? "stored" : looksSigned(bytes) ? "request" : "hello"}`;
  } catch (error) {
    return error instanceof FleetError ? `refused: ${error.code}` : codeOf(error);
  }
}

/** @param nonce - of the first challenge that the station gives. */
function identityOf({ service, keys, founding }: Fleet, nonce?: Uint8Array): StationIdentity {
  const { station, factory } = keys;
  const certificate = fromBase64Url(service.view.station?.signed ?? "");
  const counted = countedEntropy("station");
  let first = nonce;
  const entropy = (size: number): Uint8Array => {
    const bytes = first ?? counted(size);
    first = undefined;
    return bytes;
  };
  return { trust: service.trust, founding, certificate, station, factory, crypto: repeatable, entropy };
}

/** Whatever the station says to a device that is being born, it takes papers that are its own, or none. */
async function atDevice({ service }: Fleet, idevid: Signer, bytes: Uint8Array): Promise<string> {
  const nonce = new Uint8Array(16);
  const challenge = encodeFrame(BirthChallenge, { nonce, fleetId: service.trust.fleetId });
  const answers = [challenge, bytes, new Uint8Array()];
  try {
    const link = () => Promise.resolve(answers.shift() ?? new Uint8Array());
    const { number } = await bornWith(idevid, "hw-steady", link);
    return `${TAKEN}: device ${number}`;
  } catch (error) {
    return error instanceof DeviceError ? `refused: ${error.code}` : codeOf(error);
  }
}
