/** Doors of a device: what a gateway sends down, what is carried to it, what a peer says and shows. */
import { type EdgeContext, openCarried, openFleetMessage } from "../../../device/edge.js";
import { step } from "../../../device/machine.js";
import { PeerBag } from "../../../device/peer-bag.js";
import { beginExchange, type Exchange, stepExchange } from "../../../device/peer-exchange.js";
import { contextOf, type DeviceState, heldVector } from "../../../device/state.js";
import { BundleReader } from "../../../protocol/bundle.js";
import { concatBytes } from "../../../protocol/bytes.js";
import { looksSigned } from "../../../protocol/cose.js";
import { encodeFrame } from "../../../protocol/frame.js";
import { LedgerPart } from "../../../protocol/ledger-part.js";
import { PeerEnd, PeerHello } from "../../../protocol/peer.js";
import { orRefusal } from "../../../protocol/refusal.js";
import { type Draw, pick } from "../draw.js";
import { mutateBytes } from "../mutate-bytes.js";
import { outcomeOf } from "../outcome.js";
import { repeatable } from "./keys.js";
import { mutateInside } from "./reseal.js";
import { messageTargets, TAKEN, type Target } from "./target.js";
import type { World } from "./world.js";

/** A moment in a device's life, milliseconds of powered time. */
const NOW_MS = 60_000;
const ENTROPY = new Uint8Array(32);

export function deviceTargets(world: World): readonly Target[] {
  const { home, ring, arrival, documents } = world;
  const forger = { ring, fleetId: home.service.trust.fleetId };
  const states = home.sailors.map(({ state }) => state);
  const waiting = home.sailors.flatMap((sailor) => sailor.waiting);
  const heard = [...home.sailors.flatMap(({ down }) => down), ...documents.filter(looksSigned), ...arrival];
  /** Who waits for this very answer, if it is one; and two who wait for nothing. */
  const listeners = (bytes: Uint8Array): readonly DeviceState[] => [
    ...waiting
      .filter(({ job }) => job && "nonce" in job && Buffer.from(bytes).includes(Buffer.from(job.nonce)))
      .slice(0, 1),
    ...states.slice(bytes.length % 2, (bytes.length % 2) + 2),
  ];
  return [
    ...messageTargets("device", 20, heard, forger, (bytes) =>
      hear(listeners(bytes), bytes, openFleetMessage),
    ),
    ...messageTargets("carried", 6, heard, forger, (bytes) => hear(listeners(bytes), bytes, openCarried)),
    { name: "peer", share: 5, draw: speechOf(world), attempt: (bytes) => meet(states, bytes) },
  ];
}

type Open = (bytes: Uint8Array, context: EdgeContext) => ReturnType<typeof openFleetMessage>;

/** Each of these devices opens it, and its machine takes a step with what was opened. */
function hear(states: readonly DeviceState[], bytes: Uint8Array, open: Open): string {
  const words = states.map((state) => outcomeOf(() => heardBy(state, open(bytes, contextOf(state, NOW_MS)))));
  return words.find((word) => word.startsWith(TAKEN)) ?? words[0] ?? "nobody";
}

function heardBy(state: DeviceState, message: ReturnType<Open>): string {
  const { effects } = step(state, { type: "received", message, atMs: NOW_MS, entropy: ENTROPY });
  if (message.name === "links" && message.links.taken.length === 0) return "no new links";
  return `${TAKEN}: ${message.name}${effects.some(({ type }) => type === "save") ? ", and saved" : ""}`;
}

/** What a peer says, as a whole, with something in it changed: inside an item, in their order, in the bytes. */
function speechOf({ home, ring, documents }: World): (draw: Draw) => Uint8Array {
  const forger = { ring, fleetId: home.service.trust.fleetId };
  const holds = home.sailors.map(({ state }) => heldVector(state));
  const mail = documents.filter((bytes) => looksSigned(bytes));
  const part = encodeFrame(LedgerPart, { to: [1, 3], size: 2, offset: 0, bytes: new Uint8Array(2) });
  const receipts = home.sailors.flatMap(({ up }) => up).filter(looksSigned);
  return (draw) => {
    const told = Array.from({ length: draw(4) }, () => pick(draw, [...mail, part]));
    const confirmed = Array.from({ length: draw(3) }, () => pick(draw, receipts));
    const items = [
      encodeFrame(PeerHello, { number: 1 + draw(9), holds: pick(draw, holds) }),
      ...told,
      encodeFrame(PeerEnd, { part: "documents", items: told.length }),
      ...confirmed,
      encodeFrame(PeerEnd, { part: "receipts", items: confirmed.length }),
    ];
    const at = draw(items.length);
    const item = items[at] ?? new Uint8Array();
    const changed = items.with(at, draw(3) === 0 ? item : mutateInside(item, draw, forger));
    const whole = concatBytes(...(draw(4) === 0 ? changed.toReversed() : changed));
    return draw(3) === 0 ? mutateBytes(whole, [whole], draw) : whole;
  };
}

/** In pieces, as a socket gives them; each item is judged, opened or put into the bag, as it would be there. */
function meet(states: readonly DeviceState[], bytes: Uint8Array): string {
  const [state] = states;
  if (!state) throw new Error("the world has devices");
  const hello = { number: state.record.number, holds: heldVector(state) };
  const bag = new PeerBag(hello.number, repeatable);
  const reader = new BundleReader();
  let { exchange }: { exchange: Exchange } = beginExchange(hello, [state.record.authority], repeatable);
  const size = 1 + (bytes.length % 97);
  return outcomeOf(() => {
    for (let at = 0; at < bytes.length; at += size)
      for (const item of reader.push(bytes.subarray(at, at + size)))
        exchange = take(exchange, item, state, bag);
    reader.end();
    return `${TAKEN}: ${exchange.hears}`;
  });
}

function take(exchange: Exchange, item: Uint8Array, state: DeviceState, bag: PeerBag): Exchange {
  const { exchange: next, effects } = stepExchange(exchange, { type: "item", item });
  for (const effect of effects) {
    if (effect.type === "take") {
      orRefusal(() => openCarried(effect.item, contextOf(state, NOW_MS)));
      orRefusal(() => bag.takeMail(effect.item, state.held.trust));
    }
    if (effect.type === "keep-receipt") orRefusal(() => bag.takeReceipt(effect.item, effect.from));
    if (effect.type === "confirm")
      return stepExchange(next, { type: "confirmed", receipts: bag.receipts() }).exchange;
  }
  return next;
}
