/** Freshness tables of an Authority: the one for all, and those of models that have their own. */
import type { Authority, FreshnessRules } from "../protocol/authority.js";

type FreshnessTables = Pick<Authority, "freshness" | "models">;

export interface FreshnessChanges {
  /** The table for all; absent: it stays. */
  readonly freshness?: FreshnessRules | undefined;
  /** Models whose table changes; without one: the table for all counts for them again. */
  readonly models?: readonly ModelChange[] | undefined;
}

export interface ModelChange {
  readonly model: string;
  readonly freshness?: FreshnessRules;
}

/** The tables of the next version; models in the order of their names. */
export function freshnessAfter(known: FreshnessTables, changes: FreshnessChanges): FreshnessTables {
  const own = new Map(known.models?.map(({ model, freshness }) => [model, freshness]));
  for (const { model, freshness } of changes.models ?? []) {
    if (freshness) own.set(model, freshness);
    else own.delete(model);
  }
  const names = [...own.keys()].sort();
  const models = names.flatMap((model) => ({ model, freshness: own.get(model) ?? [] }));
  const freshness = changes.freshness ?? known.freshness;
  return models.length > 0 ? { freshness, models } : { freshness };
}
