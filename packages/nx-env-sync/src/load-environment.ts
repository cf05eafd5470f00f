import { join, relative, resolve, sep } from 'node:path';
import { RuleCompiler } from './check-value.js';
import { ENVIRONMENTS_FOLDER, isEnvironmentName } from './environment-name.js';
import { parseEnvFile, type ParsedEnvFile } from './parse-env-file.js';
import { formatProblem, printable, type EnvProblem } from './problem.js';
import { readTextFile } from './read-file.js';
import { isSecret, mergeSchemas, parseSchema, type EnvSchema, type KeyRule } from './schema.js';
import { suggest } from './suggest.js';

/** Which environment, and where. */
export interface EnvironmentQuery {
  readonly environment: string;
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, absolute or relative to the workspace. */
  readonly projectRoot: string;
}

/** An environment, merged and validated. Only `values` holds values. */
export interface LoadedEnvironment {
  /** false when neither a file nor a schema exists for it, or when its name cannot be a file name. */
  readonly found: boolean;
  /** Sorted by key; defaults of the schema applied. */
  readonly values: Record<string, string>;
  /** Sorted names of the keys that a schema calls secret, set or not. */
  readonly secrets: string[];
  /** Where each value comes from: `file:line`, with the file relative to the workspace. */
  readonly sources: Record<string, string>;
  /** All of them at once, each `file:line key: what`; empty when the environment is valid. No value is quoted. */
  readonly problems: string[];
}

/** What one folder, the workspace's or the project's, says about the environment. */
interface Layer {
  /** Path of the environment file, as shown to people. */
  readonly file: string;
  readonly entries?: ParsedEnvFile;
  readonly schema?: EnvSchema;
  readonly problems: readonly EnvProblem[];
}

interface Found { readonly value: string; readonly file: string; readonly line: number; readonly layer: Layer }

const NO_SCHEMA: EnvSchema = { rules: new Map(), required: new Map(), additional: undefined };
const SCHEMA_FILE = 'env.schema.json';
const RESERVED = /^(?:PORT|HOST|NX_DEPLOY_.*)$/;

/** True for a name that the platform sets for every instance, so that no file may. */
export function isReservedName(key: string): boolean {
  return RESERVED.test(key);
}

async function readLayer(root: string, query: EnvironmentQuery): Promise<Layer> {
  const folder = join(root, ENVIRONMENTS_FOLDER);
  const shown = (name: string): string => relative(query.workspaceRoot, join(folder, name)).split(sep).join('/');
  const file = shown(`${query.environment}.env`);
  const schemaFile = shown(SCHEMA_FILE);
  const [values, schema] = await Promise.all([readTextFile(join(folder, `${query.environment}.env`)), readTextFile(join(folder, SCHEMA_FILE))]);
  const entries = values.state === 'read' ? parseEnvFile(values.text, file) : undefined;
  const reading = schema.state === 'read' ? parseSchema(schema.text, schemaFile) : undefined;
  return {
    file,
    ...(entries === undefined ? {} : { entries }),
    ...(reading === undefined ? {} : { schema: reading.schema }),
    problems: [
      ...(schema.state === 'unreadable' ? [{ file: schemaFile, what: schema.what }] : (reading?.problems ?? [])),
      ...(values.state === 'unreadable' ? [{ file, what: values.what }] : (entries?.problems ?? [])),
    ],
  };
}

/** A key of the shared file is unknown only where the workspace has a schema: the other projects' keys stand in it too. */
function unknownKeys(layers: readonly Layer[], schema: EnvSchema): EnvProblem[] {
  const described = new Set([...schema.rules.keys(), ...schema.required.keys()]);
  const project = layers.at(-1);
  return layers.flatMap((layer) => {
    const strict = schema.additional !== true && (layer === project ? layers.some((each) => each.schema) : layer.schema !== undefined);
    if (!strict) return [];
    const unknown = [...(layer.entries?.values ?? [])].filter(([key]) => !described.has(key) && !isReservedName(key));
    return unknown.map(([key, { line }]) => {
      const near = suggest(key, described);
      return { file: layer.file, line, key, what: `is not in the schema${near === undefined ? '' : `; did you mean ${near}?`}` };
    });
  });
}

function reservedKeys(layers: readonly Layer[]): EnvProblem[] {
  return layers.flatMap((layer) => [...(layer.entries?.values ?? [])]
    .filter(([key]) => isReservedName(key))
    .map(([key, { line }]) => ({ file: layer.file, line, key, what: 'is set by the platform for each instance; remove it here' })));
}

function missingKeys(schema: EnvSchema, values: ReadonlyMap<string, Found>, file: string): EnvProblem[] {
  return [...schema.required]
    .filter(([key]) => !values.has(key) && schema.rules.get(key)?.definition['default'] === undefined && !isReservedName(key))
    .map(([key, at]) => ({ file, key, what: `is missing; ${printable(at.file)}:${at.line} requires it` }));
}

/** A default as the text that a process would get, or undefined when there is none. */
function defaultOf(rule: KeyRule): string | undefined {
  const value = rule.definition['default'];
  return value === undefined ? undefined : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

interface Checked { readonly defaults: ReadonlyMap<string, { value: string; source: string }>; readonly problems: EnvProblem[] }

function checkValues(schema: EnvSchema, values: ReadonlyMap<string, Found>): Checked {
  const compiler = new RuleCompiler();
  const defaults = new Map<string, { value: string; source: string }>();
  const problems: EnvProblem[] = [];
  for (const [key, rule] of schema.rules) {
    const at = { file: rule.file, line: rule.line, key };
    const compiled = compiler.compile(rule);
    const preset = defaultOf(rule);
    if ('flaw' in compiled) problems.push({ ...at, what: compiled.flaw });
    if (preset !== undefined && isReservedName(key)) problems.push({ ...at, what: 'the platform sets it, so a default has no effect; remove it' });
    else if (preset !== undefined) {
      const wrong = 'check' in compiled ? compiled.check(preset) : undefined;
      if (wrong !== undefined) problems.push({ ...at, what: `the default ${wrong}` });
      if (!values.has(key)) defaults.set(key, { value: preset, source: `${rule.file}:${rule.line}` });
    }
    const found = values.get(key);
    const wrong = found !== undefined && 'check' in compiled ? compiled.check(found.value) : undefined;
    if (found !== undefined && wrong !== undefined) problems.push({ file: found.file, line: found.line, key, what: wrong });
  }
  return { defaults, problems };
}

/** Later layers win. Reserved names are left out: the platform's value would be another. */
function mergeValues(layers: readonly Layer[]): Map<string, Found> {
  const values = new Map<string, Found>();
  for (const layer of layers) {
    for (const [key, entry] of layer.entries?.values ?? []) {
      if (!isReservedName(key)) values.set(key, { ...entry, file: layer.file, layer });
    }
  }
  return values;
}

/**
 * Reads `environments/<environment>.env` of the workspace and of the project (the project wins) and validates the
 * result against `environments/env.schema.json` of both. Never throws for what the files hold: see `problems`.
 */
export async function loadEnvironment(query: EnvironmentQuery): Promise<LoadedEnvironment> {
  if (!isEnvironmentName(query.environment)) {
    const what = `${JSON.stringify(printable(query.environment, 64))} is no environment name: letters, digits, dot, dash and underscore only, at most 63, a letter or digit first`;
    return { found: false, values: {}, secrets: [], sources: {}, problems: [what] };
  }
  const roots = [...new Set([resolve(query.workspaceRoot), resolve(query.workspaceRoot, query.projectRoot)])];
  const layers = await Promise.all(roots.map(async (root) => readLayer(root, query)));
  const schema = layers.reduce((merged, layer) => mergeSchemas(merged, layer.schema ?? NO_SCHEMA), NO_SCHEMA);
  const values = mergeValues(layers);
  const { defaults, problems } = checkValues(schema, values);
  const file = layers.at(-1)?.file ?? '';
  const all = [...layers.flatMap((layer) => layer.problems), ...reservedKeys(layers), ...unknownKeys(layers, schema), ...missingKeys(schema, values, file), ...problems];
  const merged = [...values].map(([key, { value, file: from, line }]) => ({ key, value, source: `${from}:${line}` }));
  const complete = [...merged, ...[...defaults].map(([key, rest]) => ({ key, ...rest }))].sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    found: layers.some((layer) => layer.entries !== undefined || layer.schema !== undefined),
    values: Object.fromEntries(complete.map(({ key, value }) => [key, value])),
    secrets: [...schema.rules].filter(([, rule]) => isSecret(rule)).map(([key]) => key).sort(),
    sources: Object.fromEntries(complete.map(({ key, source }) => [key, source])),
    problems: all.map(formatProblem),
  };
}
