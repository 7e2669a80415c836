/** How hostile connections ended, kind by kind. Pure. */
import type { Said } from "./packets.js";

/**
 * "cut": the other end closed it. "outlasted": nobody did until this end had waited long enough. "unreached": it
 * never came to be, which says nothing about the gateway's guards.
 */
export type Ending = "cut" | "outlasted" | "unreached";

export interface Ended extends Said {
  readonly kind: string;
  readonly how: Ending;
  /** Its TLS session was one that the gateway gave out before. */
  readonly resumed: boolean;
}

/** Connections, by how they ended; and what else is known of them, whatever the end. */
export type Row = Readonly<Record<Ending | "accepted" | "acknowledged" | "resumed", number>>;
/** By name of the kind. */
export type Tally = Readonly<Record<string, Row>>;

const NONE: Row = { cut: 0, outlasted: 0, unreached: 0, accepted: 0, acknowledged: 0, resumed: 0 };

export function tallied(tally: Tally, { kind, how, accepted, acknowledged, resumed }: Ended): Tally {
  const row = tally[kind] ?? NONE;
  const next = {
    ...row,
    [how]: row[how] + 1,
    accepted: row.accepted + Number(accepted),
    acknowledged: row.acknowledged + Number(acknowledged),
    resumed: row.resumed + Number(resumed),
  };
  return { ...tally, [kind]: next };
}

/** Of all kinds together. */
export function total(tally: Tally): Row {
  return Object.values(tally).reduce(
    (sum, row) => ({
      cut: sum.cut + row.cut,
      outlasted: sum.outlasted + row.outlasted,
      unreached: sum.unreached + row.unreached,
      accepted: sum.accepted + row.accepted,
      acknowledged: sum.acknowledged + row.acknowledged,
      resumed: sum.resumed + row.resumed,
    }),
    NONE,
  );
}
