import { RuleCompiler, type CompiledRule } from './check-value.js';
import type { Layer } from './layer.js';
import { printable, type EnvProblem } from './problem.js';
import { expandReferences, type Expanded, type PlacedValue } from './references.js';
import { isReservedName } from './reserved-names.js';
import type { EnvSchema, KeyRule } from './schema.js';
import { suggest } from './suggest.js';
import { renamesOf } from './traits.js';

export interface CheckedEnvironment {
  /** Defaults applied, references replaced where the schema asks for it. */
  readonly values: ReadonlyMap<string, PlacedValue>;
  /** Which keys the value of a key holds by reference. */
  readonly holds: Expanded['holds'];
  readonly problems: readonly EnvProblem[];
}

/** What schemas say is compiled once for a process: the projects of a workspace describe their keys much alike. */
const compiler = new RuleCompiler();

/** A key of a schema, with what does not depend on any value. */
interface PreparedKey {
  readonly key: string;
  readonly rule: KeyRule;
  readonly compiled: CompiledRule;
  /** The default as text. */
  readonly preset: string | undefined;
  readonly problems: readonly EnvProblem[];
}

/** By schema: the environments of a project mostly have the same. */
const prepared = new WeakMap<EnvSchema, readonly PreparedKey[]>();

function prepare(schema: EnvSchema): readonly PreparedKey[] {
  const known = prepared.get(schema);
  if (known !== undefined) return known;
  const keys = [...schema.rules].map(([key, rule]): PreparedKey => {
    const compiled = compiler.compile(rule);
    const { value, flaws } = presetOf(key, rule, compiled, schema.expand === true);
    return { key, rule, compiled, preset: value, problems: flawsOf(compiled, flaws).map((what) => ({ file: rule.file, line: rule.line, key, what, rule: 'schema' })) };
  });
  prepared.set(schema, keys);
  return keys;
}

/** Finds all that is wrong with the merged values, the workspace's layer first and the project's last. */
export function checkEnvironment(layers: readonly Layer[], schema: EnvSchema, set: ReadonlyMap<string, PlacedValue>): CheckedEnvironment {
  const keys = prepare(schema);
  const complete = new Map(set);
  for (const { key, rule: { file, line }, preset } of keys) if (preset !== undefined && !set.has(key)) complete.set(key, { value: preset, file, line });
  const { values, holds, problems } = schema.expand === true ? expandReferences(complete) : { values: complete, holds: new Map<string, never>(), problems: [] };
  const flawed = new Set(problems.map(({ key }) => key));
  const file = layers.at(-1)?.file ?? '';
  const found = [...reservedKeys(layers), ...unknownKeys(layers, schema), ...missingKeys(schema, set, file), ...problems];
  for (const { key, compiled, problems: flaws } of keys) {
    if (flaws.length > 0) found.push(...flaws);
    // A default is checked where it is described; one with references is as good as what it refers to.
    const problem = (set.has(key) || holds.has(key)) && !flawed.has(key) ? checkValue(key, values.get(key), compiled) : undefined;
    if (problem !== undefined) found.push(problem);
  }
  return { values, holds, problems: found };
}

function flawsOf(compiled: CompiledRule, flaws: readonly string[]): readonly string[] {
  return 'flaw' in compiled ? [compiled.flaw, ...flaws] : flaws;
}

function checkValue(key: string, found: PlacedValue | undefined, compiled: CompiledRule): EnvProblem | undefined {
  const what = found !== undefined && 'check' in compiled ? compiled.check(found.value) : undefined;
  return found === undefined || what === undefined ? undefined : { file: found.file, line: found.line, key, what, rule: 'value' };
}

function reservedKeys(layers: readonly Layer[]): EnvProblem[] {
  return layers.flatMap(({ file, entries = [] }) => [...entries]
    .filter(([key]) => isReservedName(key))
    .map(([key, { line }]) => ({ file, line, key, what: 'is set by the platform for each instance; remove it here', rule: 'reserved' as const })));
}

/** A key of the shared file is unknown only where the workspace has a schema: the other projects' keys stand in it too. */
function unknownKeys(layers: readonly Layer[], schema: EnvSchema): EnvProblem[] {
  const described = new Set([...schema.rules.keys(), ...schema.required.keys()]);
  const renamed = new Map([...schema.rules].flatMap(([key, { definition }]) => renamesOf(definition).map((name) => [name, key] as const)));
  const anySchema = layers.some((layer) => layer.schema !== undefined);
  return layers.flatMap(({ file, entries = [], schema: own }, index) => {
    const strict = schema.additional !== true && (index === layers.length - 1 ? anySchema : own !== undefined);
    return [...entries].flatMap(([key, { line }]): EnvProblem[] => {
      if (described.has(key) || isReservedName(key)) return [];
      const now = renamed.get(key);
      if (now !== undefined) return [{ file, line, key, what: `is called ${now} now; rename it, or let nx-env-sync:migrate do it`, rule: 'renamed' }];
      if (!strict) return [];
      const near = suggest(key, described);
      return [{ file, line, key, what: `is not in the schema${near === undefined ? '' : `; did you mean ${near}?`}`, rule: 'unknown' }];
    });
  });
}

function missingKeys(schema: EnvSchema, values: ReadonlyMap<string, PlacedValue>, file: string): EnvProblem[] {
  return [...schema.required]
    .filter(([key]) => !values.has(key) && schema.rules.get(key)?.definition['default'] === undefined && !isReservedName(key))
    .map(([key, at]) => ({ file, key, what: `is missing; ${printable(at.file)}:${at.line} requires it`, rule: 'missing' as const }));
}

/** A default as the text that a process would get. A reserved name gets none. */
function presetOf(key: string, rule: KeyRule, compiled: CompiledRule, expand: boolean): { value?: string; flaws: readonly string[] } {
  const preset = rule.definition['default'];
  if (preset === undefined) return { flaws: [] };
  if (isReservedName(key)) return { flaws: ['the platform sets it, so a default has no effect; remove it'] };
  if (typeof preset !== 'string' && typeof preset !== 'number' && typeof preset !== 'boolean') return { flaws: ['the default must be text, a number, true or false'] };
  const value = String(preset);
  if (value.includes('\0')) return { flaws: ['the default holds a NUL byte, which no process can receive'] };
  const wrong = 'check' in compiled && !(expand && value.includes('${')) ? compiled.check(value) : undefined;
  return { value, flaws: wrong === undefined ? [] : [`the default ${wrong}`] };
}
