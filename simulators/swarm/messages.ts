/** What the process of a swarm and its workers say to each other, over the channel that a fork has. */
import type { Counts } from "./counts.js";
import type { Written } from "./identity.js";
import type { Way } from "./member.js";
import type { Sighting } from "./sighting.js";

/** A device to play, as a line of a batch, and where it goes. */
export interface Dealt {
  readonly line: string;
  readonly way: Way;
}

/** What a worker is asked, and what it answers. */
export interface Orders {
  readonly take: (order: { readonly members: readonly Dealt[] }) => void;
  readonly start: (order: { readonly perSecond: number }) => void;
  readonly publish: (order: { readonly numbers: readonly number[]; readonly text: string }) => void;
  readonly reconnect: (order: { readonly numbers: readonly number[] }) => void;
  readonly mark: (order: object) => void;
  readonly sightings: (order: object) => readonly Sighting[];
  readonly timings: (order: object) => WorkerTimings;
  /** Switches all devices off. */
  readonly close: (order: object) => void;
  /** Some of the devices, for a batch; those that are revoked have no use in one. */
  readonly write: (order: { readonly from: number; readonly count: number }) => readonly Written[];
}

/** Encoded histograms; and how late the worker's own event loop was, which every time in them may owe to it. */
interface WorkerTimings {
  readonly lease: string;
  readonly publish: string;
  /** The most since the mark, milliseconds. */
  readonly lateMs: number;
}

export interface Order<K extends keyof Orders = keyof Orders> {
  readonly id: number;
  readonly type: K;
  readonly order: Parameters<Orders[K]>[0];
}

/** `openFiles`: how many the process may have; absent where the machine does not tell. */
export type FromWorker =
  | { readonly type: "ready"; readonly openFiles?: number }
  | { readonly type: "counts"; readonly counts: Counts }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "refused"; readonly id: number; readonly why: string };
