import fc from 'fast-check';
import { canonicalJson, releaseId, RELEASE_ID_PATTERN, type Release } from './release.js';

const INPUTS: Pick<Release, 'artifact' | 'config' | 'spec' | 'nonce'> = {
  artifact: { type: 'files', digest: 'sha256:aa', files: 2, bytes: 10 },
  config: { digest: 'hmac', keys: { A: '1' } },
  spec: {
    processes: { web: { command: ['node', 'main.js'] } }, cwd: '.', port: 0,
    health: { path: '/health', timeout: 60_000, interval: 1_000, passes: 2 }, drain: 30_000, stopTimeout: 10_000, limits: {},
  },
};

test('the same inputs give the same id, whatever the order of their keys', () => {
  const { spec } = INPUTS;
  const reversed = Object.fromEntries(Object.entries(spec).reverse()) as unknown as Release['spec'];
  expect(releaseId({ ...INPUTS, spec: reversed })).toBe(releaseId(INPUTS));
  expect(releaseId(INPUTS)).toMatch(RELEASE_ID_PATTERN);
});

test.each<[string, Partial<typeof INPUTS>]>([
  ['artifact', { artifact: { ...INPUTS.artifact, digest: 'sha256:bb' } }],
  ['configuration', { config: { ...INPUTS.config, digest: 'other' } }],
  ['port', { spec: { ...INPUTS.spec, port: 3000 } }],
  ['limits', { spec: { ...INPUTS.spec, limits: { memory: 1 } } }],
  ['command', { spec: { ...INPUTS.spec, processes: { web: { command: ['main.js', 'node'] } } } }],
  ['nonce', { nonce: 'again' }],
])('another %s is another release', (_what, change) => {
  expect(releaseId({ ...INPUTS, ...change })).not.toBe(releaseId(INPUTS));
});

test('what only describes the artifact and the configuration does not change the id', () => {
  expect(releaseId({ ...INPUTS, artifact: { ...INPUTS.artifact, bytes: 11 }, config: { ...INPUTS.config, keys: {} } })).toBe(releaseId(INPUTS));
});

test('canonical JSON reads back as what it was, and does not depend on the order of keys', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const text = canonicalJson(value);
    expect(canonicalJson(JSON.parse(text))).toBe(text);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
  }));
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}');
});
