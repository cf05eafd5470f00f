import { requirementProblems } from './requirements.js';

test('everything that is wrong is told at once, with its place', () => {
  expect(requirementProblems({ services: [
    { name: 'billing', version: 'new' }, { name: 'api' }, { name: 'billing' }, { name: 'db', version: '>=14', at: 'db:5432' }, { name: 'mail', at: 'nowhere' }, { name: 'api', at: 'other:80' },
  ] }, 'api', 'lts')).toEqual([
    expect.stringMatching(/^node: "lts" is no range/), expect.stringMatching(/^services\[0\] \(billing\): "new" is no range/), 'services[1] (api): it is the service itself', 'services[2] (billing): it stands there twice',
    expect.stringMatching(/^services\[3\] \(db\): "version" must not stand beside "at"/), expect.stringMatching(/^services\[4\] \(mail\): "at" is no address/), 'services[5] (api): it stands there twice',
  ]);
  expect(requirementProblems({ services: [{ name: 'billing', version: '^2.0.0' }, { name: 'db', at: '${DB}' }] }, 'api', undefined)).toEqual([]);
});
