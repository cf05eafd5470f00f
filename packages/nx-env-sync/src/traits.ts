import { suggest } from './suggest.js';

/** What happens to a key when one environment is made like another: it is taken over, left as it is, or asked about. */
export type SyncPolicy = 'always' | 'never' | 'ask';

type Definition = Readonly<Record<string, unknown>>;

const POLICIES: readonly string[] = ['always', 'never', 'ask'] satisfies readonly SyncPolicy[];
/** Keywords about a key rather than about its value; ajv is told to let them pass. */
export const TRAITS = ['x-sync', 'x-deprecated', 'x-renamed-from', 'x-tiers'] as const;
/** Said of a key once and for all environments. */
const NOT_IN_TIERS = ['x-tiers', 'x-renamed-from', 'x-secret'];

function isRecord(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Secrets stay where they are unless the schema says otherwise. */
export function syncPolicyOf(definition: Definition): SyncPolicy {
  const policy = definition['x-sync'];
  if (policy === 'always' || policy === 'never' || policy === 'ask') return policy;
  const secret = definition['x-secret'];
  return secret === undefined || secret === false ? 'always' : 'never';
}

/** Why the key should not be set any more, an empty text when the schema gives no reason; undefined when it may be. */
export function deprecationOf(definition: Definition): string | undefined {
  const told = definition['x-deprecated'];
  if (typeof told === 'string') return told;
  return told === true ? '' : undefined;
}

/** Earlier names of the key, the latest first. */
export function renamesOf(definition: Definition): readonly string[] {
  return [definition['x-renamed-from'] ?? []].flat().filter((name): name is string => typeof name === 'string');
}

/** What `x-tiers` lays over the key's definition per environment; `required` is true or false there. */
export function tiersOf(definition: Definition): ReadonlyMap<string, Definition> {
  const tiers = definition['x-tiers'];
  return new Map(isRecord(tiers) ? Object.entries(tiers).filter((tier): tier is [string, Definition] => isRecord(tier[1])) : []);
}

/** Whether an environment is changed only after a confirmation: by `x-protected`, else by its name. */
export function isProtected(environment: string, named: readonly string[] | undefined): boolean {
  return named === undefined ? /^(?:prod|production|live)(?:$|[._-])/i.test(environment) : named.includes(environment);
}

/** What is wrong with the keywords of ours in a key's definition. */
export function traitFlaws(definition: Definition, isName: (name: string) => boolean): string[] {
  const flaws: string[] = [];
  const { 'x-sync': sync, 'x-deprecated': deprecated, 'x-renamed-from': renamed, 'x-tiers': tiers } = definition;
  if (sync !== undefined && !(typeof sync === 'string' && POLICIES.includes(sync))) flaws.push('x-sync must be always, never or ask');
  if (deprecated !== undefined && typeof deprecated !== 'string' && typeof deprecated !== 'boolean') flaws.push('x-deprecated must be true, or say what to use instead');
  if (renamed !== undefined && ![renamed].flat().every((name) => typeof name === 'string' && isName(name))) flaws.push('x-renamed-from must be an earlier name of the key, or a list of such names');
  for (const keyword of Object.keys(definition).filter((each) => each.startsWith('x-') && each !== 'x-secret' && !(TRAITS as readonly string[]).includes(each))) {
    const near = suggest(keyword, ['x-secret', ...TRAITS]);
    if (near !== undefined) flaws.push(`a keyword of its description is misspelt; did you mean ${near}?`);
  }
  return [...flaws, ...tierFlaws(tiers)];
}

function tierFlaws(tiers: unknown): string[] {
  if (tiers === undefined) return [];
  if (!isRecord(tiers) || !Object.values(tiers).every(isRecord)) return ['x-tiers must hold an object for each environment it names'];
  const all = Object.values(tiers).filter(isRecord);
  const strange = NOT_IN_TIERS.filter((keyword) => all.some((tier) => keyword in tier));
  const flaws = strange.map((keyword) => `${keyword} is said for all environments, so it cannot stand within x-tiers`);
  const required = all.every((tier) => ['undefined', 'boolean'].includes(typeof tier['required']));
  return required ? flaws : [...flaws, 'required within x-tiers must be true or false'];
}
