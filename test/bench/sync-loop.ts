/** Devices that each ask again as soon as they are answered, and what that took. */

/** What one device sends, in order. */
export interface Requests {
  readonly number: number;
  readonly messages: readonly Uint8Array[];
}

export interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the process that asked, for each request, user and system, all its threads. */
  readonly cpuMicros: number;
}

/** How a message is sent, and its answer got. */
export type Ask<Answer> = (number: number, message: Uint8Array) => Promise<Answer>;

/**
 * All devices at one time, each until it has sent all.
 * @param check - looks at each answer once nothing is measured any more, and throws for one that is none.
 */
export async function closedLoop<Answer>(
  all: readonly Requests[],
  ask: Ask<Answer>,
  check: (answer: Answer) => void,
): Promise<Round> {
  const answers: Answer[] = [];
  const waitedMs: number[] = [];
  const perform = async ({ number, messages }: Requests): Promise<void> => {
    for (const message of messages) {
      const asked = performance.now();
      answers.push(await ask(number, message));
      waitedMs.push(performance.now() - asked);
    }
  };
  const [began, before] = [performance.now(), process.cpuUsage()];
  await Promise.all(all.map(perform));
  const [{ user, system }, tookMs] = [process.cpuUsage(before), performance.now() - began];
  answers.forEach(check);
  waitedMs.sort((a, b) => a - b);
  const share = (part: number) => waitedMs[Math.floor(part * (waitedMs.length - 1))] ?? 0;
  return {
    perSecond: (1_000 * answers.length) / tookMs,
    p50Ms: share(0.5),
    p99Ms: share(0.99),
    cpuMicros: (user + system) / answers.length,
  };
}
