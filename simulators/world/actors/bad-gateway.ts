/** A gateway that does what it likes with what passes through it. It has no key of anybody's. */
import { encodeFrame } from "../../../protocol/frame.js";
import {
  ERROR_CODES,
  type ErrorCode,
  ErrorReply,
  MAX_RETRY_AFTER_SECONDS,
  ROLE_REASONS,
  RoleNotice,
  type RoleReason,
  SESSION_ROLES,
  type SessionRole,
} from "../../../protocol/notice.js";
import type { GatewayTrick } from "../plan/deeds.js";
import type { Luck } from "../random.js";
import type { Plays, Scene } from "./scene.js";

const ROLES = Object.keys(SESSION_ROLES) as readonly SessionRole[];
const REASONS = Object.keys(ROLE_REASONS) as readonly RoleReason[];
const CODES = Object.keys(ERROR_CODES) as readonly ErrorCode[];
/** Messages that it keeps back at one time; the oldest of more goes on. */
const MAX_KEPT = 20;

export const BAD_GATEWAY: Plays<"bad-gateway"> = {
  "bad-gateway"(scene, { id, gateway: place, tricks, often, forMs }, luck) {
    const gateway = scene.gateway(place);
    if (gateway.isClosed || tricks.length === 0) return "not today";
    const honest = tricks.filter((trick) => trick !== "lie"); // it lies to devices only
    const [up, down] = [new Trickster(scene, honest, often, luck), new Trickster(scene, tricks, often, luck)];
    gateway.meddling = {
      up: (_from, payload) => up.passOn(payload, () => scene.recordings.up(luck)),
      down: (_to, payload) => down.passOn(payload, () => scene.recordings.down(luck)),
    };
    scene.after(forMs, id, gateway.name, () => {
      gateway.meddling = {};
      return "over";
    });
    return "begun";
  },
};

class Trickster {
  readonly #scene: Scene;
  readonly #tricks: readonly GatewayTrick[];
  readonly #often: number;
  readonly #luck: Luck;
  readonly #kept: Uint8Array[] = [];

  constructor(scene: Scene, tricks: readonly GatewayTrick[], often: number, luck: Luck) {
    this.#scene = scene;
    this.#tricks = tricks;
    this.#often = often;
    this.#luck = luck;
  }

  /** @param recorded - something that went this way before. @returns what goes on in its place. */
  passOn(payload: Uint8Array, recorded: () => Uint8Array | undefined): readonly Uint8Array[] {
    if (this.#tricks.length === 0 || !this.#luck.chance(this.#often)) return [payload];
    const trick = this.#luck.pick(this.#tricks);
    this.#scene.tally.count("trick", trick);
    switch (trick) {
      case "withhold":
        return [];
      case "delay":
        this.#kept.push(payload);
        return this.#kept.length > MAX_KEPT ? this.#kept.splice(0, 1) : [];
      case "repeat":
        return [payload, payload];
      case "reorder":
        return [payload, ...this.#kept.splice(0)];
      case "replay":
        return [recorded() ?? payload, payload];
      case "lie":
        return [this.#lie(), payload];
    }
  }

  #lie(): Uint8Array {
    const luck = this.#luck;
    if (luck.chance(0.5))
      return encodeFrame(RoleNotice, { role: luck.pick(ROLES), reason: luck.pick(REASONS), authority: 99 });
    const retryAfterSeconds = luck.between(0, MAX_RETRY_AFTER_SECONDS);
    return encodeFrame(ErrorReply, { code: luck.pick(CODES), retryAfterSeconds });
  }
}
