import type { Layer } from '../layer.js';
import { printable, type EnvProblem } from '../problem.js';
import type { EnvSchema } from '../schema.js';
import { deprecationOf } from '../traits.js';

/** Keys that are set although the schema says they go. */
export function deprecatedKeys(layers: readonly Layer[], schema: EnvSchema): EnvProblem[] {
  const reasons = new Map([...schema.rules].flatMap(([key, { definition }]) => {
    const reason = deprecationOf(definition);
    return reason === undefined ? [] : [[key, reason] as const];
  }));
  if (reasons.size === 0) return [];
  return layers.flatMap(({ file, entries = [] }) => [...entries].flatMap(([key, { line }]): EnvProblem[] => {
    const reason = reasons.get(key);
    return reason === undefined ? [] : [{ file, line, key, what: `is deprecated${reason === '' ? '; remove it' : `: ${printable(reason)}`}`, rule: 'deprecated' }];
  }));
}
