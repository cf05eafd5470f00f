/** How long validating and comparing the environments of a large workspace takes, against reading and parsing the same files and nothing else. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareContents } from 'nx-env-sync/dist/compare/compare.js';
import { EnvironmentReader } from 'nx-env-sync/dist/reader.js';
import { validateEnvironment, type ValidatedEnvironment } from 'nx-env-sync/dist/validation/validate-environment.js';
import { against, median, medianRatio, ms, span } from './figures.js';
import { table } from './table.js';

const PROJECTS = 200;
const ENVIRONMENTS = ['development', 'staging', 'production'] as const;
const KEYS = 100;
/** Projects that are held in memory at once, as a command that goes from one to the next would. */
const TOGETHER = 10;
/** ms, for both together. */
const AIM = 1_000;

type Parse = (text: string) => Record<string, string>;

/** The parser that nx-env-sync uses. */
function plainParser(): Parse {
  return (createRequire(require.resolve('nx-env-sync/package.json'))('dotenv') as { parse: Parse }).parse;
}

/** ms of the clock, and of the processor with all threads. */
interface Time { readonly wall: number; readonly processor: number }

const NO_TIME: Time = { wall: 0, processor: 0 };

function sum(one: Time, other: Time): Time {
  return { wall: one.wall + other.wall, processor: one.processor + other.processor };
}

/** Prints its table. */
export async function benchEnvironments(runs: number, print: (text: string) => void): Promise<void> {
  print(`\n== Environments: ${PROJECTS} projects, ${ENVIRONMENTS.length} environments, ${KEYS} keys, in one process ==\n`);
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'nxd-')));
  try {
    const projects = Array.from({ length: PROJECTS }, (_, index) => `apps/service-${index}`);
    for (const [index, project] of projects.entries()) write(root, project, index);
    const parse = plainParser();
    const times: [Time, Time, Time][] = [];
    for (let run = 0; run < runs; run += 1) {
      const plain = await timed(async () => { for (const project of projects) for (const environment of ENVIRONMENTS) parse(readFileSync(join(root, project, 'environments', `${environment}.env`), 'utf8')); });
      const workspace = new EnvironmentReader({ workspaceRoot: root });
      let [validating, comparing] = [NO_TIME, NO_TIME];
      for (let first = 0; first < PROJECTS; first += TOGETHER) {
        const found: ValidatedEnvironment[][] = [];
        validating = sum(validating, await timed(async () => { for (const projectRoot of projects.slice(first, first + TOGETHER)) found.push(await validateAll(root, projectRoot, workspace.forProject())); }));
        comparing = sum(comparing, await timed(async () => { for (const validated of found) compareEach(validated); }));
        const [finding] = found.flat().flatMap((each) => each.findings);
        if (finding !== undefined) throw new Error(`the sample is not valid: ${finding.file} ${finding.what}`);
      }
      times.push([plain, validating, comparing]);
    }
    report(times, print);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function report(times: readonly [Time, Time, Time][], print: (text: string) => void): void {
  const plain = times.map(([first]) => first);
  const row = (name: string, pick: (run: [Time, Time, Time]) => Time, aim = ''): string[] => {
    const taken = times.map(pick);
    const wall = taken.map((time) => time.wall);
    const processor = taken.map((time) => time.processor);
    return [name, ms(median(wall)), span(wall, ms), ms(median(processor)), medianRatio(processor, plain.map((time) => time.processor)).toFixed(1), aim === '' ? '' : against(median(wall), { below: AIM }, ms)];
  };
  print(table(['environments', 'wall', 'smallest .. largest', 'processor', 'of plain parse', 'aim'], [
    row('read and dotenv.parse', ([first]) => first), row('validate, audits included', ([, second]) => second), row('diff with the next environment', ([, , third]) => third),
    row('validate and diff', ([, second, third]) => sum(second, third), 'aim'),
  ]));
}

async function validateAll(workspaceRoot: string, projectRoot: string, reader: EnvironmentReader): Promise<ValidatedEnvironment[]> {
  const found: ValidatedEnvironment[] = [];
  for (const environment of ENVIRONMENTS) found.push(await validateEnvironment({ workspaceRoot, projectRoot, environment }, reader));
  return found;
}

/** Each with the next: development with staging, staging with production. */
function compareEach(validated: readonly ValidatedEnvironment[]): void {
  const contents = validated.map(({ examined: { values, secrets } }) => ({ values: new Map([...values].map(([key, { value }]) => [key, value])), secrets: new Set(secrets), sources: new Map<string, string>(), revision: '' }));
  for (const [index, from] of contents.entries()) {
    const to = contents[index + 1];
    const differences = to === undefined ? undefined : compareContents(from, to);
    if (differences === undefined) continue;
    // What a diff shows, and so makes.
    const shown = differences.filter(({ state }) => state !== 'kept').map(({ from: before, to: after }) => [before?.fingerprint, after?.fingerprint]);
    if (differences.length !== KEYS || shown.length === 0) throw new Error('the comparison has lost keys');
  }
}

async function timed(run: () => Promise<void>): Promise<Time> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(used);
  return { wall: performance.now() - started, processor: (user + system) / 1_000 };
}

interface Kind { readonly definition: Readonly<Record<string, unknown>>; readonly value: (n: number) => string }

const PLAIN: Kind = { definition: { minLength: 1, maxLength: 200 }, value: (n) => `some plain text ${n}` };
const KINDS: readonly Kind[] = [
  { definition: { type: 'integer', minimum: 0 }, value: String }, { definition: { enum: ['debug', 'info', 'warn'] }, value: (n) => ['debug', 'info'][n % 2] ?? '' },
  { definition: { format: 'uri' }, value: (n) => `https://host-${n}.example.org/path` }, { definition: { type: 'boolean' }, value: (n) => String(n % 2 === 0) },
  { definition: { 'x-secret': true, minLength: 16 }, value: (n) => `"s3cr3t # value ${n} of a key"` }, PLAIN,
];
const kindOf = (index: number): Kind => KINDS[index % KINDS.length] ?? PLAIN;

/** Keys of every kind, each described; the projects describe them much alike, and have other values. Two environments differ in half of them. */
function write(root: string, project: string, seed: number): void {
  const folder = join(root, project, 'environments');
  mkdirSync(folder, { recursive: true });
  const keys = Array.from({ length: KEYS }, (_, index) => `SERVICE_KEY_${index}`);
  const properties = Object.fromEntries(keys.map((key, index) => [key, { ...kindOf(index).definition, description: `What ${key} of ${project} is for.` }]));
  writeFileSync(join(folder, 'env.schema.json'), JSON.stringify({ type: 'object', properties, required: keys.slice(0, 50) }, null, 2));
  for (const [tier, environment] of ENVIRONMENTS.entries()) {
    writeFileSync(join(folder, `${environment}.env`), `# Values of ${project}\n${keys.map((key, index) => `${key}=${kindOf(index).value(seed + index * 7 + (index % 2) * tier)}`).join('\n')}\n`);
  }
}
