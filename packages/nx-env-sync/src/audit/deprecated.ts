import type { Layer } from '../layer.js';
import { printable, type EnvProblem } from '../problem.js';
import type { EnvSchema } from '../schema.js';
import { deprecationOf } from '../traits.js';

/** Keys that are set although the schema says they go. */
export function deprecatedKeys(layers: readonly Layer[], schema: EnvSchema): EnvProblem[] {
  return layers.flatMap(({ file, entries = [] }) => [...entries].flatMap(([key, { line }]): EnvProblem[] => {
    const reason = deprecationOf(schema.rules.get(key)?.definition ?? {});
    return reason === undefined ? [] : [{ file, line, key, what: `is deprecated${reason === '' ? '; remove it' : `: ${printable(reason)}`}`, rule: 'deprecated' }];
  }));
}
