/** The commands of the bin are the executors of the package: what each takes stands in its schema. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TaskContext } from '../executors/task.js';

/** One option of a schema, as far as a command line needs it. */
export interface OptionSchema {
  readonly type?: 'string' | 'boolean' | 'integer' | 'number' | 'array';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly $default?: { readonly $source: 'argv'; readonly index: number };
}

export interface Command {
  readonly name: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionSchema>>;
  readonly required: readonly string[];
  readonly examples: readonly { readonly command: string; readonly description: string }[];
  /** Loads its code when it is run. */
  readonly execute: (options: Readonly<Record<string, unknown>>, context: TaskContext) => Promise<{ readonly success: boolean; readonly exitCode?: number }>;
}

interface Entry { readonly implementation: string; readonly schema: string; readonly description: string }
interface Schema { readonly properties: Command['options']; readonly required?: readonly string[]; readonly examples?: Command['examples'] }

/** Folder of the compiled package, or of its sources in a test. */
const ROOT = join(__dirname, '..');

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** In the order of executors.json. */
export function commands(): readonly Command[] {
  const { executors } = json(join(ROOT, '../executors.json')) as { readonly executors: Readonly<Record<string, Entry>> };
  const place = (path: string): string => join(ROOT, path.replace(/^\.\/dist\//, ''));
  return Object.entries(executors).map(([name, entry]): Command => {
    const { properties, required = [], examples = [] } = json(place(entry.schema)) as Schema;
    return {
      name, description: entry.description, options: properties, required, examples,
      // The path has no ending, which `import` does not take.
      execute: async (options, context) => (createRequire(__filename)(place(entry.implementation)) as { readonly default: Command['execute'] }).default(options, context),
    };
  });
}

/** An option as it is written on a command line. */
export function dashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function usage(all: readonly Command[]): string {
  const width = Math.max(...all.map(({ name }) => name.length));
  return [
    'Usage: nx-env-sync <command> [project] [options]', '', 'Commands:', ...all.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`), '',
    'Options of all commands:', '  -c, --configuration <environment>', '  --project <name or folder>  default: the project of the current folder', '  -h, --help                  what a command takes', '',
    'Exit codes: 0 done, 1 failed or refused, 3 the command line is not right; of run: that of the program', '',
  ].join('\n');
}

export function usageOf({ name, description, options, examples }: Command): string {
  const positional = positionals(options).map((option) => `<${option}>`);
  const shown = Object.entries(options).map(([option, schema]) => [`${dashed(option)}${schema.type === 'boolean' ? '' : ` <${schema.enum === undefined ? schema.type === 'integer' ? 'number' : 'text' : schema.enum.join('|')}>`}`, schema.description ?? ''] as const);
  return [
    `Usage: nx-env-sync ${[name, ...(positional.length === 0 ? ['[project]'] : positional)].join(' ')} [options]${Object.hasOwn(options, 'command') ? ' -- <program> [arguments]' : ''}`, '', description, '', 'Options:',
    '  -c, --configuration <environment>', '  --project <name or folder>', ...shown.flatMap(([option, text]) => [`  ${option}`, `      ${text}`]), '',
    ...(examples.length === 0 ? [] : ['Examples:', ...examples.flatMap((each) => [`  ${each.command}`, `      ${each.description}`]), '']),
  ].join('\n');
}

/** Options that can be given without their name, in order. */
export function positionals(options: Command['options']): readonly string[] {
  return Object.entries(options).flatMap(([name, { $default }]) => ($default === undefined ? [] : [{ name, index: $default.index }])).sort((a, b) => a.index - b.index).map(({ name }) => name);
}
