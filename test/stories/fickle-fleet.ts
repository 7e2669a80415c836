/** A fleet that changes its mind about one device again and again, and what it has decided so far. */
import type { FleetEvent } from "../../fleet/events.js";
import type { DeviceView } from "../../fleet/view.js";
import type { Level } from "../../protocol/level.js";
import { NO_VERSION } from "../../protocol/version.js";
import { type Draw, pick } from "../fuzz/draw.js";
import type { Harbor } from "./harbor.js";
import { dotted, type Kept } from "./kept.js";

/** Where the next act may lead from each level: always to another. */
const NEXT: Readonly<Record<Exclude<Level, "revoked">, readonly Level[]>> = {
  none: ["observe", "restrict", "isolate"],
  observe: ["none", "restrict", "isolate"],
  restrict: ["none", "observe", "isolate"],
  isolate: ["none", "observe", "restrict"],
};
/** Lowest first. */
export const ORDER: readonly Level[] = ["none", "observe", "restrict", "isolate"];
const ONE_REKEY_IN = 10;

export class FickleFleet {
  readonly #harbor: Harbor;
  readonly #number: number;
  /** Directives and releases, by kind and version. */
  readonly issued = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(harbor: Harbor, number: number) {
    this.#harbor = harbor;
    this.#number = number;
    harbor.service.onEvent((event) => this.#hear(event));
  }

  /** Begins one more change of mind, after those before. */
  change(draw: Draw): void {
    this.#last = this.#last.then(() => this.#act(draw));
  }

  /** Resolves when all changes are decided. @throws what went wrong with one of them. */
  async decided(): Promise<void> {
    await this.#last;
  }

  /** The newest lease asks for all that was decided, and it has to be held for that lease to count. */
  get hasLentForAll(): boolean {
    const { lease, directive, release } = this.#device ?? {};
    const asked = lease && [lease.required.directive, lease.required.release];
    return String(asked) === String([directive?.version ?? NO_VERSION, release?.version ?? NO_VERSION]);
  }

  /** @returns true when this is all that was decided, and in force. */
  isObeyedBy({ holds, freed }: Kept): boolean {
    const { level, directive, release } = this.#device ?? {};
    const held = [
      holds.directive?.version ?? NO_VERSION,
      holds.release?.version ?? NO_VERSION,
      freed.version,
    ];
    const decided = [
      directive?.version ?? NO_VERSION,
      release?.version ?? NO_VERSION,
      release?.version ?? NO_VERSION,
    ];
    return String(held) === String(decided) && holds.level === level;
  }

  get #device(): DeviceView | undefined {
    return this.#harbor.service.view.devices.get(this.#number);
  }

  /** One operator raises, two lower; now and then new keys are asked for. */
  #act(draw: Draw): Promise<void> {
    const { level = "none" } = this.#device ?? {};
    if (level === "revoked") throw new Error("nobody revoked it");
    const numbers = [this.#number];
    const next = pick(draw, NEXT[level]);
    if (draw(ONE_REKEY_IN) === 0)
      return this.#harbor.act({ kind: "count", count: "rekey", numbers, reason: "to be safe" });
    const raises = ORDER.indexOf(next) > ORDER.indexOf(level);
    return raises ? this.#harbor.hold(numbers, next) : this.#harbor.release(numbers, next);
  }

  #hear(event: FleetEvent): void {
    if (event.type !== "directive-issued" && event.type !== "release-issued") return;
    if (event.number === this.#number) this.issued.add(`${event.type} ${dotted(event.version)}`);
  }
}
