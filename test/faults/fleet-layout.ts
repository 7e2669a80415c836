/** How the processes of a fleet are laid out, for whoever kills them: named parts, any of which may go at any time. */

/** Where a fleet that serves is found. */
export interface Reached {
  /** APIs of all its services. */
  readonly apis: readonly string[];
  /** Folder with the operators' tokens. */
  readonly tokens: string;
  /** Of the gateways, on this machine; the same after each start. */
  readonly mqttPorts: readonly number[];
}

export interface FleetLayout {
  readonly parts: readonly string[];
  /** Those of them for which everybody waits: whoever asked gets no answer, and no refusal, until they are back. */
  readonly awaited: readonly string[];
  /** Folders of all event logs, in the order of the APIs: of the one, or of each worker's copy. */
  readonly logs: readonly string[];
  /** Starts every part that does not run. Resolves when all serve. */
  start(): Promise<Reached>;
  /** `kill -9`. Resolves when it is gone. @throws when it had ended by itself. */
  kill(part: string): Promise<void>;
  /** Ends all that runs, as a service manager does. @returns what did not end well. */
  stop(): Promise<readonly string[]>;
}

/** One that serves on while a part is gone or cut off, and whose log can come to be fenced. */
export interface EnduringLayout extends FleetLayout {
  /** Partitions, by name: a part is cut off from others, and nobody is told. */
  readonly cuts: readonly string[];
  cut(name: string): Promise<void>;
  /** All partitions end, and each NATS server that was killed is started. */
  heal(): Promise<void>;
  /**
   * Does what an operator does when nobody signs. Then nothing of Daymark runs.
   * @param holdsAll - whether the i-th copy of the log has all that anybody was told.
   * @returns undefined when nobody is fenced.
   */
  mend(holdsAll: (i: number) => Promise<boolean>): Promise<Mended | undefined>;
}

export interface Mended {
  /** Why nobody signed. */
  readonly fence: string;
  /** What the operator had to say. */
  readonly how: string;
  /** Which copies of the log are begun anew, by their place. */
  readonly forgotten: readonly number[];
  readonly complaints: readonly string[];
}

export function isEnduring(layout: FleetLayout): layout is EnduringLayout {
  return "cuts" in layout;
}
