import { readSet, type ExaminedEnvironment } from '../examine-environment.js';
import { printable, type EnvProblem } from '../problem.js';
import type { EnvironmentReader } from '../reader.js';
import { isSecret, type EnvSchema } from '../schema.js';
import { deprecatedKeys } from './deprecated.js';
import { plainSecrets } from './plain-secrets.js';
import { tierDifferences } from './tiers.js';
import { weakSecrets } from './weak-secrets.js';

export interface AuditQuery {
  readonly environment: string;
  readonly projectRoot: string;
  readonly reader: EnvironmentReader;
}

export interface Audit {
  readonly findings: readonly EnvProblem[];
  /** What could not be looked at and why, a line each. */
  readonly notes: readonly string[];
}

/** What is valid and yet not as it should be. Never throws for what the files hold. */
export async function auditEnvironment(examined: ExaminedEnvironment, query: AuditQuery): Promise<Audit> {
  const { layers, schema, secrets, values } = examined;
  const [plain, tiers] = await Promise.all([plainText(examined, query), otherTiers(examined, query)]);
  return { findings: [...deprecatedKeys(layers, schema), ...weakSecrets(secrets, values, schema), ...plain.findings, ...tiers], notes: plain.notes };
}

/** Git is asked only where there is something to ask about. */
async function plainText({ layers, schema, secrets }: ExaminedEnvironment, { reader }: AuditQuery): Promise<Audit> {
  const found = plainSecrets({ layers, schema, secrets });
  if (found.length === 0) return { findings: [], notes: [] };
  const tracked = await reader.trackedFiles();
  if (tracked.state === 'unknown') return { findings: [], notes: [`git could not tell which files it tracks (it ${tracked.what}), so secrets in plain text are not looked for [plain-secret, undeclared-secret]`] };
  const files = new Set([...tracked.files].map((file) => printable(file)));
  return { findings: found.filter(({ file }) => files.has(file)), notes: [] };
}

async function otherTiers({ layers, schema, set, unread }: ExaminedEnvironment, { environment, projectRoot, reader }: AuditQuery): Promise<EnvProblem[]> {
  const environments = await reader.environments(projectRoot);
  const others = await Promise.all(environments.filter((name) => name !== environment).map(async (name) => ({ environment: name, set: await readSet(reader, { environment: name, projectRoot }) })));
  const differences = tierDifferences({ environment, set, file: layers.at(-1)?.file ?? '' }, others, schema);
  // A secret may well stand in the file that could not be read.
  return unread ? differences.filter(({ key = '' }) => !isSecretKey(schema, key)) : differences;
}

function isSecretKey(schema: EnvSchema, key: string): boolean {
  const rule = schema.rules.get(key);
  return rule !== undefined && isSecret(rule);
}
