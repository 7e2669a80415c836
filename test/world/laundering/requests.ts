/** Requests for a certificate as anybody makes them who has the keys of a device. */
import { IDEVID_KEY } from "../../../device/jobs.js";
import { nodeCrypto } from "../../../protocol/adapters/node-crypto.js";
import {
  keyProof,
  ReenrollRequest,
  RenewRequest,
  ReturnRequest,
  ticketProof,
} from "../../../protocol/certify.js";
import { sealEnvelope } from "../../../protocol/envelope.js";
import type { World } from "../../../simulators/world/world.js";
import type { Camera } from "./camera.js";

/** By the LDevID that the camera has. */
export function renewal(world: World, camera: Camera): Uint8Array {
  const name = camera.node.durable()?.record.ldevid?.key;
  if (name === undefined) throw new Error("it was enrolled");
  const { fleetId, fresh } = made(world, camera);
  return sealEnvelope(RenewRequest, fresh, camera.signer(name), fleetId, nodeCrypto);
}

/** By its IDevID. */
export function comeback(world: World, camera: Camera): Uint8Array {
  const { fleetId, fresh } = made(world, camera);
  return sealEnvelope(ReturnRequest, fresh, camera.signer(IDEVID_KEY), fleetId, nodeCrypto);
}

/** @param ticket - the seed that an operator gave. */
export function reenrollment(world: World, camera: Camera, ticket: Uint8Array): Uint8Array {
  const { fleetId, signer, fresh } = made(world, camera);
  const { subject, nonce, publicKey } = fresh;
  const bytes = ticketProof(fleetId, subject, nonce, publicKey);
  const proof = nodeCrypto.sign({ algorithm: "Ed25519", secret: ticket }, bytes);
  return sealEnvelope(
    ReenrollRequest,
    { subject, nonce, publicKey, ticket: proof },
    signer,
    fleetId,
    nodeCrypto,
  );
}

/** A new key, with the proof that it is held. */
function made({ fortune, fleet }: World, { number: subject }: Camera) {
  const luck = fortune.stream(`attacker/${subject}`);
  const key = nodeCrypto.generate("Ed25519", (size) => luck.bytes(size));
  const publicKey = nodeCrypto.publicKey(key);
  const sign = (message: Uint8Array) => nodeCrypto.sign(key, message);
  const { fleetId } = fleet.service.trust;
  const nonce = luck.bytes(16);
  const proof = sign(keyProof(fleetId, subject, nonce, publicKey));
  return { fleetId, signer: { publicKey, sign }, fresh: { subject, nonce, publicKey, proof } };
}
