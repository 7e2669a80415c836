/** All sessions of one gateway: the newest of each key, and how many there may be. */
import { deviceKey } from "./connect.js";
import type { Session } from "./gateway-session.js";
import type { Admission } from "./admission.js";

/** Sessions of one process: what its memory and its open files allow. */
export const MAX_SESSIONS = 16_000;
/** Of these, in the lobby, where anybody may knock. */
export const MAX_LOBBY_SESSIONS = 256;
/** One in so many is kept for devices that are held: a quarantine must arrive whatever the others do (P10). */
const RESERVED_SHARE = 16;

export class Sessions {
  readonly #byKey = new Map<string, Session>();
  readonly #lobby = new Set<Session>();
  readonly #max: number;
  readonly #maxLobby: number;

  constructor(max: number, maxLobby: number) {
    this.#max = max;
    this.#maxLobby = maxLobby;
  }

  /** A newer session in place of an older one needs no more room. */
  hasRoom(key: string, { role }: Admission): boolean {
    if (role === "lobby" && this.#lobby.size >= this.#maxLobby) return false;
    const max = role === "held" ? this.#max : this.#max - Math.ceil(this.#max / RESERVED_SHARE);
    return this.#byKey.size < max || this.#byKey.has(key);
  }

  /** Adds a session; an older one of the same key ends. */
  add(session: Session): void {
    const older = this.#byKey.get(session.key);
    this.#byKey.set(session.key, session);
    if (session.admission.role === "lobby") this.#lobby.add(session);
    older?.end("replaced");
  }

  /** Forgets a session that is over; one that has taken its place stays. */
  remove(session: Session): void {
    if (this.#byKey.get(session.key) === session) this.#byKey.delete(session.key);
    this.#lobby.delete(session);
  }

  ofDevice(number: number): Session | undefined {
    return this.#byKey.get(deviceKey(number));
  }

  all(): readonly Session[] {
    return [...this.#byKey.values()];
  }
}
