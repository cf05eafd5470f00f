import type { ErrorObject, ValidateFunction } from 'ajv';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { BuildManifest } from './manifest.js';
import { naming, Problems } from './problems.js';
import { isRecord, parseJson, readText } from './reading.js';
import type { BuildRun } from './run-file.js';

/** A manifest of 30,000 files with long names has some ten MB. */
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_PROBLEMS = 20;

const validators = new Map<string, Promise<ValidateFunction>>();

async function validator(schemaFile: string): Promise<ValidateFunction> {
  const known = validators.get(schemaFile);
  if (known !== undefined) return known;
  const loading = (async () => {
    const [{ Ajv }, schema] = await Promise.all([import('ajv'), readFile(createRequire(__filename).resolve(`nx-build-manifest/${schemaFile}`), 'utf8')]);
    return new Ajv({ strict: true, allErrors: true }).compile(JSON.parse(schema) as object);
  })();
  validators.set(schemaFile, loading);
  return loading;
}

/** `/artifacts/0/bytes` is `artifacts[0].bytes`. */
function describe({ instancePath, message = 'is not as it should be', keyword, params }: ErrorObject): string {
  const path = instancePath.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join('.').replace(/\.(\d+)(?=\.|$)/g, '[$1]');
  const extra = keyword === 'additionalProperties' ? `: ${JSON.stringify((params as { additionalProperty: string }).additionalProperty)}` : '';
  return `${path === '' ? 'the document' : path} ${message}${extra}`;
}

async function read(file: string, schemaFile: string, versionKey: string): Promise<unknown> {
  return naming(file, async () => {
    const text = await readText(file, MOST_BYTES);
    if (text === undefined) throw new Error('does not exist');
    const document = parseJson(text);
    if (!isRecord(document)) throw new Error('must hold a JSON object');
    if (document[versionKey] !== 1) throw new Error(`${versionKey} must be 1, got ${JSON.stringify(document[versionKey]) ?? 'nothing'}; is it a build manifest of a newer version?`);
    const validate = await validator(schemaFile);
    if (!validate(document)) throw new Problems((validate.errors ?? []).slice(0, MOST_PROBLEMS).map(describe));
    return document;
  });
}

/**
 * A manifest, checked against the published schema.
 * @throws Error that names the file and all that is wrong with it
 */
export async function readManifest(file: string): Promise<BuildManifest> {
  return await read(file, 'build-manifest.schema.json', 'manifestVersion') as BuildManifest;
}

/**
 * The run file at `file`; undefined when there is none.
 * @throws Error as {@link readManifest}
 */
export async function readRun(file: string): Promise<BuildRun | undefined> {
  if (await naming(file, async () => readText(file)) === undefined) return undefined;
  return await read(file, 'build-manifest-run.schema.json', 'runVersion') as BuildRun;
}
