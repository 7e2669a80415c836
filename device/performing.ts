/** One-shot acts: begun when they are due, after the whole message that asks for them was applied. Pure. */
import type { ActName } from "../protocol/vector.js";
import { markDone, wiped } from "./acts.js";
import { actsAsked, actsDue } from "./jobs.js";
import { type DeviceState, lapsedAt } from "./state.js";
import { discard, type Effect, type HostAct, leave, only, type Step } from "./steps.js";

/** All but new keys, which are a request like any other. What is done is marked in the same save (P4). */
export function perform(state: DeviceState): Step {
  const asked = actsAsked(state);
  const isNow = (act: ActName): act is HostAct =>
    act !== "rekey" && (act === "wipe" || state.record.actsWait === undefined);
  const due = actsDue(state).filter(isNow);
  if (due.length === 0) return only(state);
  const done = due.reduce((before, act) => markDone(before, act, asked), state.record.done ?? {});
  const syncOwed = state.syncOwed || due.includes("attest"); // what it runs is in its health line
  const marked = { ...state, record: { ...state.record, done }, receiptOwed: true, syncOwed };
  const acts = due.map((act): Effect => ({ type: "act", act }));
  return due.includes("wipe") ? wipe(marked, acts) : { state: marked, effects: acts };
}

/** The identity it worked under goes; who it is, and what holds it, stays. It begins again as a pledge. */
function wipe(state: DeviceState, acts: readonly Effect[]): Step {
  const { record, keys } = wiped(state.record);
  const lapsedSeconds = lapsedAt(state); // gone is the lease, not how old it was
  const given = discard({ ...record, ...(lapsedSeconds !== undefined && { lapsedSeconds }) }, keys);
  const { ldevid: _ldevid, lease: _lease, ...held } = state.held;
  const blank = { ...state, held, record: given.record, asPledge: false };
  return leave(blank, [...given.effects, ...acts]);
}
