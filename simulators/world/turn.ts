/** Lets everything run that only waits for promises: the one place where the world touches the machine's own time. */

/** Resolves when no promise has anything left to do. Nothing in the world may wait for a real timer or real I/O. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
