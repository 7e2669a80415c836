/**
 * One connection between a device and a gateway, as TCP and TLS make it: what arrives, arrives in order and once.
 * It can be slow, stall, and break so that one end does not know; what was sent may then arrive late, when the
 * device has long been back over another one.
 */
import type { Ears, End, Packet, Side } from "./packet.js";
import type { Luck } from "./random.js";
import type { Happening, Schedule } from "./schedule.js";

export interface WireParts {
  readonly schedule: Schedule;
  readonly luck: Luck;
  readonly names: Readonly<Record<Side, string>>;
  /** Does the network carry what this side sends, at this moment? */
  readonly carries: (from: Side) => boolean;
  readonly latencyMs: () => number;
  /** Drawn for each segment: it is lost, and the connection with it; those sides hear so at once. */
  readonly broken: () => readonly Side[] | undefined;
  /** Both ends are gone. */
  readonly over: () => void;
}

/** Each end looks for signs of life so often, and gives up this much later at the most. */
const KEEPALIVE_MS = 60_000;
const GIVES_UP_MS: Readonly<Record<Side, readonly [number, number]>> = {
  device: [KEEPALIVE_MS, 2 * KEEPALIVE_MS],
  gateway: [1.5 * KEEPALIVE_MS, 2 * KEEPALIVE_MS], // MQTT 3.1.1 §3.1.2.10
};

interface Half {
  ears: Ears | undefined;
  open: boolean;
  /** Its machine lost power: nothing of it is heard any more, not even that it is gone. */
  vanished: boolean;
  /** What it sent in one step travels together. */
  segment: Packet[];
  segmentStep: number;
  /** Segments that the network did not carry, oldest first. */
  readonly stalled: Packet[][];
  /** Segments never overtake each other. */
  lastArrivalMs: number;
  resending: boolean;
  /** It hears nothing of the other side, and waits to give up. */
  deaf: Happening | undefined;
}

export class Wire {
  readonly #parts: WireParts;
  readonly #halves: Readonly<Record<Side, Half>> = { device: newHalf(), gateway: newHalf() };
  #broken = false;

  constructor(parts: WireParts) {
    this.#parts = parts;
  }

  end(side: Side, ears: Ears): End {
    const mine = this.#halves[side];
    mine.ears = ears;
    return {
      send: (packet) => this.#send(side, packet),
      close: () => {
        this.#send(side, { type: "end" });
        this.#shut(side);
      },
      vanish: () => {
        mine.vanished = true;
        this.#shut(side);
        this.changed();
      },
    };
  }

  /** It breaks for good. @param knows - the sides that hear so at once; the others go on waiting. */
  break(knows: readonly Side[]): void {
    this.#broken = true;
    this.changed();
    for (const side of knows) this.#hangUp(side);
  }

  /** The network carries other things than before: what waited goes on, or those who hear nothing begin to wait. */
  changed(): void {
    for (const side of SIDES) {
      if (this.#halves[side].stalled.length > 0) this.#resend(side);
      this.#listen(side);
    }
  }

  #send(from: Side, packet: Packet): void {
    const mine = this.#halves[from];
    if (!mine.open) return;
    const { schedule } = this.#parts;
    if (mine.segmentStep === schedule.steps) {
      mine.segment.push(packet);
      return;
    }
    const segment = [packet];
    [mine.segment, mine.segmentStep] = [segment, schedule.steps];
    this.#arrival(from, () => {
      const knows = this.#parts.broken();
      if (knows) return this.break(knows);
      if (mine.stalled.length === 0 && this.#carries(from)) return this.#arrive(from, segment);
      mine.stalled.push(segment);
    });
  }

  #resend(from: Side): void {
    const mine = this.#halves[from];
    if (mine.resending || !this.#carries(from)) return;
    mine.resending = true;
    this.#arrival(from, () => {
      mine.resending = false;
      if (this.#carries(from)) this.#arrive(from, mine.stalled.splice(0).flat());
    });
  }

  #arrival(from: Side, run: () => void): void {
    const { schedule, names, latencyMs } = this.#parts;
    const mine = this.#halves[from];
    mine.lastArrivalMs = Math.max(mine.lastArrivalMs, schedule.nowMs + latencyMs());
    schedule.at(mine.lastArrivalMs, names[OTHER[from]], `hears ${names[from]}`, run);
  }

  #arrive(from: Side, segment: readonly Packet[]): void {
    const to = this.#halves[OTHER[from]];
    for (const packet of segment) {
      if (!to.open) return;
      if (packet.type === "end") this.#hangUp(OTHER[from]);
      else to.ears?.packet(packet);
    }
  }

  /** A side that hears nothing of the other gives up after a while, unless it hears it again. */
  #listen(side: Side): void {
    const mine = this.#halves[side];
    const { schedule, luck, names } = this.#parts;
    const deaf = mine.open && this.#isDeaf(side);
    if (deaf === (mine.deaf !== undefined)) return;
    if (mine.deaf) {
      schedule.cancel(mine.deaf);
      mine.deaf = undefined;
      return;
    }
    const [least, most] = GIVES_UP_MS[side];
    const what = `gives up on ${names[OTHER[side]]}`;
    mine.deaf = schedule.after(luck.between(least, most), names[side], what, () => this.#hangUp(side));
  }

  /** A device that asks for signs of life hears them only if its question gets through too. */
  #isDeaf(side: Side): boolean {
    const asks = side === "gateway" || this.#carries("device");
    return this.#halves[OTHER[side]].vanished || !this.#carries(OTHER[side]) || !asks;
  }

  #carries(from: Side): boolean {
    return !this.#broken && this.#parts.carries(from);
  }

  #hangUp(side: Side): void {
    const { open, ears } = this.#halves[side];
    if (!open) return;
    this.#send(side, { type: "end" });
    this.#shut(side);
    ears?.closed();
  }

  #shut(side: Side): void {
    const mine = this.#halves[side];
    if (!mine.open) return;
    mine.open = false;
    mine.ears = undefined;
    if (mine.deaf) this.#parts.schedule.cancel(mine.deaf);
    if (!this.#halves[OTHER[side]].open) this.#parts.over();
  }
}

const SIDES = ["device", "gateway"] as const;
const OTHER: Readonly<Record<Side, Side>> = { device: "gateway", gateway: "device" };

function newHalf(): Half {
  return {
    ears: undefined,
    open: true,
    vanished: false,
    segment: [],
    segmentStep: -1,
    stalled: [],
    lastArrivalMs: 0,
    resending: false,
    deaf: undefined,
  };
}
