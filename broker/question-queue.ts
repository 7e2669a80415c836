/**
 * Questions that wait to go to the fleet, which several services may answer at once: of one device only the oldest
 * goes, and the next when that one was answered or has failed. Pure.
 */

export interface QueuedQuestion {
  /** As it goes over the wire. */
  readonly packet: Uint8Array;
  /** Whose turn it is; undefined: it need not wait for any other. */
  readonly device: number | undefined;
}

/** That go in one message: the answers of these mostly fit into one too. */
export const MAX_TOGETHER = 256;
/** Waiting; more are turned away. */
export const MAX_QUEUED_BYTES = 16 * 2 ** 20;
/** What a question takes beside its packet, roughly. */
const ENTRY_BYTES = 200;

export class QuestionQueue<Q extends QueuedQuestion> {
  #ready: Q[] = [];
  /** Of each device that has one ready or under way: those behind it. */
  readonly #behind = new Map<number, Q[]>();
  #bytes = 0;

  /** @returns false when more wait than may. */
  add(question: Q): boolean {
    if (this.#bytes > MAX_QUEUED_BYTES) return false;
    this.#bytes += sizeOf(question);
    const { device } = question;
    const behind = device === undefined ? undefined : this.#behind.get(device);
    if (behind) behind.push(question);
    else this.#ready.push(question);
    if (device !== undefined && !behind) this.#behind.set(device, []);
    return true;
  }

  /** Those that go next, oldest first: as many as fit together, and one at least if there is any. */
  take(maxBytes: number): readonly Q[] {
    let room = maxBytes;
    const end = this.#ready.findIndex(({ packet }, i) => (room -= packet.length) < 0 && i > 0);
    const taken = this.#ready.splice(0, Math.min(MAX_TOGETHER, end === -1 ? this.#ready.length : end));
    for (const question of taken) this.#bytes -= sizeOf(question);
    return taken;
  }

  /** Those that were taken and not answered go again, before others. */
  putBack(questions: readonly Q[]): void {
    this.#ready = [...questions, ...this.#ready];
    for (const question of questions) this.#bytes += sizeOf(question);
  }

  /** One that was taken is answered, or has failed. */
  settled({ device }: Q): void {
    if (device === undefined) return;
    const next = this.#behind.get(device)?.shift();
    if (next) this.#ready.push(next);
    else this.#behind.delete(device);
  }

  /** Forgets all, those too that are under way. */
  clear(): void {
    this.#ready = [];
    this.#behind.clear();
    this.#bytes = 0;
  }
}

function sizeOf({ packet }: QueuedQuestion): number {
  return packet.length + ENTRY_BYTES;
}
