/** What people carry to a device, between devices and fleet, and back: files on a stick. */
import { takeItem } from "../../fleet/bundles.js";
import type { FleetService } from "../../fleet/service.js";
import type { Connection, Transport } from "../../device/ports.js";
import { joinBundle, splitBundle } from "../../protocol/bundle.js";
import { parseEnvelope } from "../../protocol/cose.js";
import { encodeFrame } from "../../protocol/frame.js";
import { SyncReply, SyncRequest } from "../../protocol/sync.js";
import type { Sailor } from "./aboard.js";

/** For a device that no network reaches. */
export const noNetwork = (): Transport => ({ connect: () => NOWHERE });
const NOWHERE: Connection = {
  send: () => Promise.reject(new Error("there is no network")),
  publish: () => Promise.reject(new Error("there is no network")),
  close: () => undefined,
};

/** Resolves when the device has looked at all of it and stored what counts. @returns its receipt. */
export function handOver({ device }: Sailor, ...items: readonly Uint8Array[]): Promise<Uint8Array> {
  for (const item of splitBundle(joinBundle(items))) device.receive(item);
  return device.receipt(); // comes after all that came before it
}

/** A question of the device that somebody carries; and what is in it. */
export async function questionOf({ device }: Sailor): Promise<{ question: Uint8Array; asked: SyncRequest }> {
  const question = await device.challenge();
  return { question, asked: SyncRequest.decode(parseEnvelope(question).payload) };
}

/** Carries a question to whoever answers, and the answer back. */
export async function answerByHand(
  sailor: Sailor,
  answer: (asked: SyncRequest) => Omit<SyncReply, "nonce">,
): Promise<void> {
  const { asked } = await questionOf(sailor);
  await handOver(sailor, encodeFrame(SyncReply, { nonce: asked.nonce, ...answer(asked) }));
}

/** Brings items of a bundle to the fleet. @returns what the devices that asked are to get. @throws for a refusal. */
export async function bring(
  service: FleetService,
  ...items: readonly Uint8Array[]
): Promise<readonly Uint8Array[]> {
  const answers: Uint8Array[] = [];
  for (const item of splitBundle(joinBundle(items))) {
    const outcome = await takeItem(service, item, "courier");
    if (outcome.result === "refused") throw new Error(`${outcome.code}: ${outcome.text}`);
    answers.push(...outcome.answers);
  }
  return answers;
}
