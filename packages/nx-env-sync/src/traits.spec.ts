import { formatProblem } from './problem.js';
import { parseSchema, schemaForTier, type EnvSchema } from './schema.js';
import { deprecationOf, isProtected, renamesOf, syncPolicyOf } from './traits.js';

const schemaOf = (properties: object, more: object = {}): { schema: EnvSchema; problems: string[] } => {
  const { schema, problems } = parseSchema(JSON.stringify({ properties, ...more }), 's.json');
  return { schema, problems: problems.map(formatProblem) };
};

describe('keywords about a key', () => {
  it('say whether it is synchronised; a secret is not, unless that is said', () => {
    expect([{}, { 'x-sync': 'ask' }, { 'x-secret': true }, { 'x-secret': 'yes' }, { 'x-secret': false }, { 'x-secret': true, 'x-sync': 'always' }].map(syncPolicyOf))
      .toEqual(['always', 'ask', 'never', 'never', 'always', 'always']);
  });

  it('say what it was called and why it goes', () => {
    expect([{}, { 'x-renamed-from': 'OLD' }, { 'x-renamed-from': ['B', 'A'] }].map(renamesOf)).toEqual([[], ['OLD'], ['B', 'A']]);
    expect([{}, { 'x-deprecated': false }, { 'x-deprecated': true }, { 'x-deprecated': 'use B' }].map(deprecationOf)).toEqual([undefined, undefined, '', 'use B']);
  });

  it.each([
    [{ 'x-sync': 'sometimes' }, 'x-sync must be always, never or ask'],
    [{ 'x-deprecated': 3 }, 'x-deprecated must be true, or say what to use instead'],
    [{ 'x-renamed-from': ['A B'] }, 'x-renamed-from must be an earlier name of the key'],
    [{ 'x-renamed-from': {} }, 'x-renamed-from must be an earlier name of the key'],
    [{ 'x-synk': 'never' }, 'did you mean x-sync?'],
    [{ 'x-tiers': [] }, 'x-tiers must hold an object for each environment it names'],
    [{ 'x-tiers': { production: true } }, 'x-tiers must hold an object for each environment it names'],
    [{ 'x-tiers': { production: { required: ['A'] } } }, 'required within x-tiers must be true or false'],
    [{ 'x-tiers': { production: { 'x-secret': true } } }, 'x-secret is said for all environments'],
  ])('%j is a problem', (definition, problem) => {
    const { problems } = schemaOf({ A: definition });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^s\.json:1 A: /);
    expect(problems[0]).toContain(problem);
  });

  it('lay the requirements of one environment over those of all', () => {
    const { schema, problems } = schemaOf(
      { A: { minLength: 1, 'x-tiers': { production: { required: true, minLength: 16 }, dev: { required: false, default: 'x' } } }, B: {} },
      { required: ['A', 'B'] },
    );
    expect(problems).toEqual([]);
    const of = (environment: string): unknown[] => {
      const { rules, required } = schemaForTier(schema, environment);
      return [rules.get('A')?.definition['minLength'], rules.get('A')?.definition['default'], [...required.keys()].sort()];
    };
    expect(of('production')).toEqual([16, undefined, ['A', 'B']]);
    expect(of('dev')).toEqual([1, 'x', ['B']]);
    expect(of('staging')).toEqual([1, undefined, ['A', 'B']]);
  });
});

describe('keywords of the whole schema', () => {
  it('name the environments that are protected and turn references on', () => {
    const { schema, problems } = schemaOf({}, { 'x-protected': ['eu'], 'x-expand': true });
    expect([schema.protected, schema.expand, problems]).toEqual([['eu'], true, []]);
    expect(schemaOf({}, { 'x-protected': 'eu', 'x-expand': 'yes' }).problems).toEqual([
      's.json:1: x-protected must be a list of names of environments', 's.json:1: x-expand must be true or false',
    ]);
  });

  it('protect production by its name where they say nothing', () => {
    expect(['production', 'prod-eu', 'live', 'staging', 'product'].map((name) => isProtected(name, undefined))).toEqual([true, true, true, false, false]);
    expect(['production', 'eu'].map((name) => isProtected(name, ['eu']))).toEqual([false, true]);
  });
});
