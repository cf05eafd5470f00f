import { table } from './table.js';

test('words stand left, figures right, under a rule', () => {
  expect(table(['proxy', 'requests/s'], [['haproxy', '42000'], ['nx-deploy']]).split('\n')).toEqual([
    'proxy      requests/s',
    '---------  ----------',
    'haproxy         42000',
    'nx-deploy',
  ]);
});
