/** Plays seeds in child processes of this program: each is given the next seed as soon as it is free. */
import { type ChildProcess, fork } from "node:child_process";
import type { Wish } from "../plan/plan.js";
import type { Report } from "../run.js";

/** What a child is told, and what it answers. */
export interface Order {
  readonly seed: number;
  readonly wish: Wish;
}
/** The word by which a child knows that it is one. */
export const WORKER = "--worker";

export interface Work {
  /** The next seed; undefined: there is none left. */
  readonly next: () => number | undefined;
  readonly wish: Wish;
  readonly took: (report: Report) => void;
}

/** Resolves when nothing is left to do. @throws Error when a child ends before its answer. */
export async function playInProcesses(program: string, processes: number, work: Work): Promise<void> {
  const children = Array.from({ length: processes }, () => fork(program, [WORKER]));
  try {
    await Promise.all(children.map((child) => keepBusy(child, work)));
  } finally {
    for (const child of children) child.kill();
  }
}

function keepBusy(child: ChildProcess, { next, wish, took }: Work): Promise<void> {
  return new Promise((done, failed) => {
    const give = () => {
      const seed = next();
      if (seed === undefined) return done();
      child.send({ seed, wish } satisfies Order);
    };
    child.on("message", (report) => {
      took(report as Report);
      give();
    });
    child.once("error", failed);
    child.once("exit", (code) => failed(new Error(`a process of this run ended early, with ${code}`)));
    give();
  });
}

/** This process is such a child: it plays what it is given until its parent ends it. */
export function workForParent(play: (order: Order) => Promise<Report>): void {
  process.on("message", (order) => {
    void play(order as Order).then((report) => process.send?.(report));
  });
  process.once("disconnect", () => process.exit());
}
