import { getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { isVariableName } from './parse-env-file.js';
import { printable, type EnvProblem } from './problem.js';
import { suggest } from './suggest.js';
import { traitFlaws, tiersOf } from './traits.js';

/** What a schema says about one key. */
export interface KeyRule {
  /** Path of the schema file, as shown to people. */
  readonly file: string;
  readonly line: number;
  /** The JSON schema of the key's value. */
  readonly definition: Readonly<Record<string, unknown>>;
}

export interface EnvSchema {
  readonly rules: ReadonlyMap<string, KeyRule>;
  /** Required keys and where that is said. */
  readonly required: ReadonlyMap<string, { readonly file: string; readonly line: number }>;
  /** undefined when the schema does not say. */
  readonly additional: boolean | undefined;
  /** `x-expand`: references such as `${OTHER}` in values are replaced. undefined when the schema does not say. */
  readonly expand: boolean | undefined;
  /** `x-protected`: environments that are changed only after a confirmation. undefined when the schema does not say. */
  readonly protected: readonly string[] | undefined;
}

export const NO_SCHEMA: EnvSchema = { rules: new Map(), required: new Map(), additional: undefined, expand: undefined, protected: undefined };

export interface SchemaReading {
  readonly schema: EnvSchema;
  readonly problems: readonly EnvProblem[];
}

const NOTES = ['$schema', '$id', '$comment', 'title', 'description'];
const ROOT_KEYWORDS = [...NOTES, 'type', 'properties', 'required', 'additionalProperties', 'x-expand', 'x-protected'];

/** Walks one schema text; every finding keeps its line. */
class SchemaReader {
  readonly problems: EnvProblem[] = [];
  readonly rules = new Map<string, KeyRule>();
  readonly required = new Map<string, { file: string; line: number }>();
  additional: boolean | undefined;
  expand: boolean | undefined;
  protected: readonly string[] | undefined;
  private readonly lineStarts: number[] = [0];

  constructor(private readonly text: string, private readonly file: string) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.lineStarts.push(at + 1);
  }

  read(): void {
    const errors: ParseError[] = [];
    const root = this.parse(errors);
    const [first] = errors;
    if (root === 'too deep') this.report(0, 'is nested too deeply');
    else if (first !== undefined) this.report(first.offset, `is not valid JSON: ${printParseErrorCode(first.error)}`);
    else if (root?.type !== 'object') this.report(0, 'must hold a JSON object');
    else for (const [name, value] of this.members(root)) this.readKeyword(name, value);
  }

  /** The parser calls itself for each level. */
  private parse(errors: ParseError[]): Node | undefined | 'too deep' {
    try {
      return parseTree(this.text, errors, { allowTrailingComma: true, disallowComments: false });
    } catch {
      return 'too deep';
    }
  }

  private report(offset: number, what: string, key?: string): void {
    this.problems.push({ file: this.file, line: this.lineAt(offset), ...(key === undefined ? {} : { key }), what, rule: 'schema' });
  }

  private lineAt(offset: number): number {
    let [low, high] = [0, this.lineStarts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.lineStarts[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Names and values of an object; a name that stands twice is reported, and the last one counts as in JSON. */
  private members(object: Node): [Node, Node][] {
    const seen = new Map<string, [Node, Node]>();
    for (const { children } of object.children ?? []) {
      const [name, value] = children ?? [];
      if (name === undefined || value === undefined) continue;
      if (seen.has(String(name.value))) this.report(name.offset, 'stands twice in the schema', String(name.value));
      seen.set(String(name.value), [name, value]);
    }
    return [...seen.values()];
  }

  private readKeyword(name: Node, value: Node): void {
    const keyword = String(name.value);
    if (keyword === 'properties') this.readProperties(value);
    else if (keyword === 'required') this.readRequired(value);
    else if (keyword === 'additionalProperties') {
      if (typeof value.value === 'boolean') this.additional = value.value;
      else this.report(value.offset, 'additionalProperties must be true or false');
    } else if (keyword === 'x-expand') {
      if (typeof value.value === 'boolean') this.expand = value.value;
      else this.report(value.offset, 'x-expand must be true or false');
    } else if (keyword === 'x-protected') {
      const names: unknown = getNodeValue(value);
      if (Array.isArray(names) && names.every((each) => typeof each === 'string')) this.protected = names;
      else this.report(value.offset, 'x-protected must be a list of names of environments');
    } else if (keyword === 'type') {
      if (value.value !== 'object') this.report(value.offset, 'type must be "object"');
    } else if (!NOTES.includes(keyword)) {
      const near = suggest(keyword, ROOT_KEYWORDS);
      this.report(name.offset, `the keyword ${printable(keyword)} is not supported here${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
  }

  private readProperties(value: Node): void {
    if (value.type !== 'object') {
      this.report(value.offset, 'properties must be an object');
      return;
    }
    for (const [name, definition] of this.members(value)) {
      const key = String(name.value);
      if (!isVariableName(key)) this.report(name.offset, 'is no valid name: letters, digits and _ only, no digit first', key);
      else if (definition.type !== 'object') this.report(definition.offset, 'must be described by an object', key);
      else this.readRule(key, name.offset, getNodeValue(definition) as Record<string, unknown>);
    }
  }

  private readRule(key: string, offset: number, definition: Readonly<Record<string, unknown>>): void {
    for (const what of traitFlaws(definition, isVariableName)) this.report(offset, what, key);
    this.rules.set(key, { file: this.file, line: this.lineAt(offset), definition });
  }

  private readRequired(value: Node): void {
    if (value.type !== 'array') this.report(value.offset, 'required must be a list of names');
    for (const item of value.children ?? []) {
      if (typeof item.value === 'string' && isVariableName(item.value)) this.required.set(item.value, { file: this.file, line: this.lineAt(item.offset) });
      else this.report(item.offset, 'required must be a list of valid names');
    }
  }
}

/** Reads the text of an `env.schema.json`: JSON, with comments and trailing commas allowed. */
export function parseSchema(text: string, file: string): SchemaReading {
  const reader = new SchemaReader(text.replace(/^\ufeff/, ''), file);
  reader.read();
  const { rules, required, additional, expand, protected: guarded, problems } = reader;
  return { schema: { rules, required, additional, expand, protected: guarded }, problems };
}

/**
 * The workspace's schema and the project's as one. A key that the project describes is the project's alone, including
 * whether it is required; only a secret stays secret unless the project says `"x-secret": false`.
 */
export function mergeSchemas(workspace: EnvSchema, project: EnvSchema): EnvSchema {
  const rules = new Map(workspace.rules);
  for (const [key, rule] of project.rules) {
    const secret = workspace.rules.get(key)?.definition['x-secret'];
    rules.set(key, secret === undefined || 'x-secret' in rule.definition ? rule : { ...rule, definition: { ...rule.definition, 'x-secret': secret } });
  }
  const inherited = [...workspace.required].filter(([key]) => !project.rules.has(key));
  return {
    rules,
    required: new Map([...inherited, ...project.required]),
    additional: project.additional ?? workspace.additional,
    expand: project.expand ?? workspace.expand,
    protected: project.protected ?? workspace.protected,
  };
}

/** The schema as it is for one environment: what `x-tiers` says about it laid over what is said for all. */
export function schemaForTier(schema: EnvSchema, environment: string): EnvSchema {
  const told = [...schema.rules].filter(([, { definition }]) => definition['x-tiers'] !== undefined);
  if (told.length === 0) return schema;
  const rules = new Map(schema.rules);
  const required = new Map(schema.required);
  for (const [key, rule] of told) {
    const tier = tiersOf(rule.definition).get(environment);
    if (tier === undefined) continue;
    const { required: must, ...definition } = tier;
    rules.set(key, { ...rule, definition: { ...rule.definition, ...definition } });
    if (must === true) required.set(key, { file: rule.file, line: rule.line });
    if (must === false) required.delete(key);
  }
  return { ...schema, rules, required };
}

/** Anything but `false` counts as secret, so that a slip in the schema never shows a value. */
export function isSecret(rule: KeyRule): boolean {
  const flag = rule.definition['x-secret'];
  return flag !== undefined && flag !== false;
}
