/**
 * Answers that are the same for everyone who asks the same: links of the chain of Authorities, parts of the
 * ledger. When a fleet comes back at once, thousands ask one question.
 */

/** Bytes of questions and answers that are kept. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

type Answer = Promise<readonly Uint8Array[]>;

export class Answers {
  readonly #byQuestion = new Map<string, Answer>();
  #bytes = 0;

  /** The answer to these bytes, from here or by asking. One that fails is not kept. */
  async to(question: Uint8Array, ask: () => Answer): Answer {
    const key = Buffer.from(question).toString("latin1");
    const known = this.#byQuestion.get(key);
    if (known) return known;
    const answer = ask();
    this.#byQuestion.set(key, answer);
    try {
      const items = await answer;
      if (this.#byQuestion.get(key) === answer) this.#count(key.length, items);
      return items;
    } catch (error) {
      if (this.#byQuestion.get(key) === answer) this.#byQuestion.delete(key);
      throw error;
    }
  }

  /** The fleet has decided something that may change every answer. */
  forget(): void {
    this.#byQuestion.clear();
    this.#bytes = 0;
  }

  #count(keyBytes: number, items: readonly Uint8Array[]): void {
    this.#bytes += items.reduce((sum, { length }) => sum + length, keyBytes);
    if (this.#bytes > MAX_KEPT_BYTES) this.forget();
  }
}
