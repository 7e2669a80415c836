/** Processes of the sync bench that do one order after another: from their parent's side, and from their own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What a process does when it is told to, by name. Arguments and results are cloned. */
export type Orders = Readonly<Record<string, (argument: never) => unknown>>;

interface Order {
  readonly name: string;
  readonly argument: unknown;
}
type Answer = { readonly result: unknown } | { readonly failed: string };
const READY = "ready";

export class Child<O extends Orders> {
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
  }

  /** @param file - beside this one. Resolves when it is ready. @throws Error when it ends instead. */
  static async start<O extends Orders>(file: string, ...args: readonly string[]): Promise<Child<O>> {
    const path = join(import.meta.dirname, file);
    const child = new Child<O>(fork(path, args, { serialization: "advanced" }));
    await child.#answer();
    return child;
  }

  /** @throws Error when the process ends, or the order fails. */
  async tell<Name extends keyof O & string>(
    name: Name,
    argument: Parameters<O[Name]>[0],
  ): Promise<Awaited<ReturnType<O[Name]>>> {
    this.#child.send({ name, argument } satisfies Order);
    const answer = await this.#answer();
    if ("failed" in answer) throw new Error(answer.failed);
    return answer.result as Awaited<ReturnType<O[Name]>>;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("a process of the bench ended by itself"));
      this.#child.once("exit", ended);
      this.#child.once("message", (answer) => {
        this.#child.off("exit", ended);
        resolve(answer as Answer);
      });
    });
  }
}

/** In the child: it is ready, does what it is told, and ends with its parent. */
export function obey(orders: Orders, end: () => Promise<unknown>): void {
  const act = async ({ name, argument }: Order): Promise<Answer> => {
    try {
      return { result: await orders[name]?.(argument as never) };
    } catch (error) {
      return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on("message", (order) => void act(order as Order).then((answer) => process.send?.(answer)));
  process.once("disconnect", () => void end().finally(() => process.exit(0)));
  process.send?.({ result: READY } satisfies Answer);
}
