import { RuleCompiler, type CompiledRule } from './check-value.js';
import type { Layer } from './layer.js';
import { printable, type EnvProblem } from './problem.js';
import { isReservedName } from './reserved-names.js';
import type { EnvSchema, KeyRule } from './schema.js';
import { suggest } from './suggest.js';

/** A value and where it stands. */
export interface PlacedValue {
  readonly value: string;
  readonly file: string;
  readonly line: number;
}

export interface CheckedEnvironment {
  /** Defaults for the keys that no file sets. */
  readonly defaults: ReadonlyMap<string, PlacedValue>;
  readonly problems: readonly EnvProblem[];
}

/** Finds all that is wrong with the merged values, the workspace's layer first and the project's last. */
export function checkEnvironment(layers: readonly Layer[], schema: EnvSchema, values: ReadonlyMap<string, PlacedValue>): CheckedEnvironment {
  const { defaults, problems } = checkRules(schema, values);
  const file = layers.at(-1)?.file ?? '';
  return { defaults, problems: [...reservedKeys(layers), ...unknownKeys(layers, schema), ...missingKeys(schema, values, file), ...problems] };
}

function reservedKeys(layers: readonly Layer[]): EnvProblem[] {
  return layers.flatMap(({ file, entries = [] }) => [...entries]
    .filter(([key]) => isReservedName(key))
    .map(([key, { line }]) => ({ file, line, key, what: 'is set by the platform for each instance; remove it here' })));
}

/** A key of the shared file is unknown only where the workspace has a schema: the other projects' keys stand in it too. */
function unknownKeys(layers: readonly Layer[], schema: EnvSchema): EnvProblem[] {
  if (schema.additional === true) return [];
  const described = new Set([...schema.rules.keys(), ...schema.required.keys()]);
  const anySchema = layers.some((layer) => layer.schema !== undefined);
  const strict = layers.filter((layer, index) => (index === layers.length - 1 ? anySchema : layer.schema !== undefined));
  return strict.flatMap(({ file, entries = [] }) => [...entries]
    .filter(([key]) => !described.has(key) && !isReservedName(key))
    .map(([key, { line }]) => {
      const near = suggest(key, described);
      return { file, line, key, what: `is not in the schema${near === undefined ? '' : `; did you mean ${near}?`}` };
    }));
}

function missingKeys(schema: EnvSchema, values: ReadonlyMap<string, PlacedValue>, file: string): EnvProblem[] {
  return [...schema.required]
    .filter(([key]) => !values.has(key) && schema.rules.get(key)?.definition['default'] === undefined && !isReservedName(key))
    .map(([key, at]) => ({ file, key, what: `is missing; ${printable(at.file)}:${at.line} requires it` }));
}

function checkRules(schema: EnvSchema, values: ReadonlyMap<string, PlacedValue>): { defaults: Map<string, PlacedValue>; problems: EnvProblem[] } {
  const compiler = new RuleCompiler();
  const defaults = new Map<string, PlacedValue>();
  const problems: EnvProblem[] = [];
  for (const [key, rule] of schema.rules) {
    const compiled = compiler.compile(rule);
    const preset = presetOf(key, rule, compiled);
    const flaws = 'flaw' in compiled ? [compiled.flaw, ...preset.flaws] : preset.flaws;
    problems.push(...flaws.map((what) => ({ file: rule.file, line: rule.line, key, what })));
    const found = values.get(key);
    if (found === undefined) {
      if (preset.value !== undefined) defaults.set(key, { value: preset.value, file: rule.file, line: rule.line });
      continue;
    }
    const wrong = 'check' in compiled ? compiled.check(found.value) : undefined;
    if (wrong !== undefined) problems.push({ file: found.file, line: found.line, key, what: wrong });
  }
  return { defaults, problems };
}

/** A default as the text that a process would get. A reserved name gets none. */
function presetOf(key: string, rule: KeyRule, compiled: CompiledRule): { value?: string; flaws: readonly string[] } {
  const preset = rule.definition['default'];
  if (preset === undefined) return { flaws: [] };
  if (isReservedName(key)) return { flaws: ['the platform sets it, so a default has no effect; remove it'] };
  if (typeof preset !== 'string' && typeof preset !== 'number' && typeof preset !== 'boolean') return { flaws: ['the default must be text, a number, true or false'] };
  const value = String(preset);
  if (value.includes('\0')) return { flaws: ['the default holds a NUL byte, which no process can receive'] };
  const wrong = 'check' in compiled ? compiled.check(value) : undefined;
  return { value, flaws: wrong === undefined ? [] : [`the default ${wrong}`] };
}
