import { isName, serviceName } from './names.js';
import { pluginOptions, targetNames } from './plugin-options.js';
import { editDistance, suggest } from './suggest.js';
import { parseSize } from './values.js';

describe('names', () => {
  it.each(['a', 'api', '0', 'a.b_c-d', 'a'.repeat(63)])('accept %s', (name) => {
    expect(isName(name)).toBe(true);
  });

  it.each(['', '-a', '.a', '..', 'A', 'a b', 'a/b', 'a\n', 'a'.repeat(64), '\u00e4'])('refuse %j', (name) => {
    expect(isName(name)).toBe(false);
  });
});

describe('the service name of a project', () => {
  it.each([['api', 'api'], ['@org/api', 'org-api']])('%s is %s', (project, expected) => {
    expect(serviceName(project)).toBe(expected);
  });

  it.each(['My App', 'API', '../..', '@org/a/b', 'gr\u00fcn', '', '---', 'a'.repeat(200), '"; rm -rf ~', ':apps:api'])('%j is safe', (project) => {
    expect(serviceName(project)).toMatch(/^[a-z0-9][a-z0-9._-]{0,62}$/);
    expect(serviceName(project)).toMatch(/-[0-9a-f]{8}$/);
  });

  it('differs where only lost letters differ', () => {
    const names = ['My App', 'my app', 'my-app', 'MY_APP', '@my/App', `${'a'.repeat(80)}1`, `${'a'.repeat(80)}2`].map(serviceName);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('suggestions', () => {
  it.each([['kitten', 'sitting', 3], ['ab', 'ba', 1], ['', 'abc', 3], ['abc', '', 3], ['same', 'same', 0], ['ca', 'abc', 3]])('the distance of %s and %s is %i', (a, b, expected) => {
    expect(editDistance(a, b)).toBe(expected);
  });

  it('are near, the nearest first, and otherwise none', () => {
    expect(suggest('environment', ['environments', 'environs'])).toBe('environments');
    expect(suggest('Drain', ['drain'])).toBe('drain');
    expect(suggest('prot', ['port', 'path'])).toBe('port');
    expect(suggest('ac', ['ab', 'aa'])).toBe('aa');
    expect(suggest('xyz', ['drain'])).toBeUndefined();
    expect(suggest('x'.repeat(100_000), ['drain'])).toBeUndefined();
    expect(suggest('drain', [])).toBeUndefined();
  });
});

it.each([['512MB', 512e6], ['1GiB', 1024 ** 3], ['1.5KB', 1500], ['5B', 5], ['1 GB', undefined], ['-1GB', undefined], ['1TB', undefined], ['', undefined]])('%s is %p bytes', (text, expected) => {
  expect(parseSize(text)).toBe(expected);
});

describe('the options of the plugin', () => {
  it.each([
    [undefined, undefined],
    [null, undefined],
    [{}, undefined],
    [{ plugins: ['other', { plugin: 'x' }, null, 3] }, undefined],
    [{ plugins: ['nx-deploy/plugin'] }, {}],
    [{ plugins: [{ plugin: 'nx-deploy/plugin' }] }, {}],
    [{ plugins: [{ plugin: 'nx-deploy/plugin', options: [] }] }, {}],
    [{ plugins: ['x', { plugin: 'nx-deploy/plugin', options: { workspaceId: 'w' } }] }, { workspaceId: 'w' }],
  ])('of %j are %j', (nxJson, expected) => {
    expect(pluginOptions(nxJson)).toEqual(expected);
  });

  it('leave target names as they are unless they say otherwise', () => {
    expect(targetNames(undefined)).toEqual({
      deploy: 'deploy', rollback: 'rollback', approve: 'approve', reject: 'reject', status: 'status', logs: 'logs', maintenance: 'maintenance', pause: 'pause', resume: 'resume',
      repair: 'repair', unlock: 'unlock', prune: 'prune-releases', destroy: 'destroy', envValidate: 'env-validate', envDiff: 'env-diff', envSync: 'env-sync', envBackup: 'env-backup', envRestore: 'env-restore', envTypes: 'env-types', envMigrate: 'env-migrate', buildManifest: 'build-manifest',
      buildImage: 'build-image', pushImage: 'push-image', loadImage: 'load-image', inspectImage: 'inspect-image', package: 'package', stage: 'stage', compile: 'compile', phases: 'phases',
    });
    expect(targetNames({ targetNames: { deploy: 'ship', status: '' } })).toMatchObject({ deploy: 'ship', status: 'status' });
  });
});
