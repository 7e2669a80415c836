/** What the voyage claims, and what was observed: by the observer on the bus and in the event log, never by a device. */

export interface Claim {
  readonly claim: string;
  readonly observed: string;
  readonly held: boolean;
}

/** A claim about a count. */
export function count(claim: string, observed: number, expected: number, of: string): Claim {
  return { claim, observed: `${observed} of ${expected} ${of}`, held: observed === expected };
}

/** A claim that something did not happen. */
export function never(claim: string, observed: number, of: string): Claim {
  return { claim, observed: `${observed} ${of}`, held: observed === 0 };
}

/** The table at the end, with a mark for each claim. */
export function claimsTable(claims: readonly Claim[]): string {
  const width = Math.max(...claims.map(({ claim }) => claim.length), "Claimed".length);
  const observedWidth = Math.max(...claims.map(({ observed }) => observed.length), "Observed".length);
  const line = (a: string, b: string, c: string) => `  ${a.padEnd(width)}  ${b.padEnd(observedWidth)}  ${c}`;
  const rows = claims.map(({ claim, observed, held }) => line(claim, observed, held ? "yes" : "NO"));
  return [
    line("Claimed", "Observed", "Holds"),
    line("-".repeat(width), "-".repeat(observedWidth), "-----"),
    ...rows,
  ].join("\n");
}
