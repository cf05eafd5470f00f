import { isRange, nodeSatisfies, satisfies } from './versions.js';

test.each([
  ['20.20.2', '^20.19.0 || ^22.12.0 || >=24.0.0', true], ['22.11.0', '^20.19.0 || ^22.12.0 || >=24.0.0', false], ['24.0.0', '^20.19.0 || ^22.12.0 || >=24.0.0', true], ['26.1.0', '^20.19.0 || ^22.12.0 || >=24.0.0', true],
  ['20.0.0', '20', true], ['20.9.9', '20', true], ['21.0.0', '20', false], ['20.1.5', '20.1', true], ['20.2.0', '20.1.x', false], ['20.1.5', '20.1.5', true], ['20.1.5', '=20.1.4', false],
  ['18.0.0', '>18', false], ['19.0.0', '>18', true], ['18.0.1', '>18.0.0', true], ['18.9.9', '<=18', true], ['19.0.0', '<=18', false], ['18.0.0', '<18', false], ['17.9.0', '< 18', true],
  ['20.5.0', '>=18 <21', true], ['21.0.0', '>= 18 < 21', false], ['1.5.0', '1.2 - 1.4', false], ['1.4.9', '1.2 - 1.4', true], ['1.1.9', '1.2 - 1.4', false], ['2.0.0', '1.2.3 - 2', true],
  ['0.2.5', '^0.2.3', true], ['0.3.0', '^0.2.3', false], ['0.0.3', '^0.0.3', true], ['0.0.4', '^0.0.3', false], ['0.9.0', '^0', true], ['0.0.9', '^0.0', true], ['1.9.9', '^1.2', true],
  ['1.2.9', '~1.2.3', true], ['1.3.0', '~1.2.3', false], ['1.9.0', '~1', true], ['2.0.0', '~>1', false], ['5.0.0', '*', true], ['5.0.0', '', true], ['5.0.0', 'x', true], ['5.0.0', '^*', true], ['5.0.0', '~x', true], ['5.0.0', '>*', false],
  ['22.0.0-nightly.1', '>=22', false], ['2.1.0-rc.1', '>=2.1.0', false], ['2.1.0-rc.2', '>=2.1.0-rc.1', true], ['20.19.0', '>=20.19.0-0', true], ['v20.1.0', 'v20', true],
])('%s in %j: %s', (version, range, expected) => {
  expect(satisfies(version, range)).toBe(expected);
});

test.each(['latest', '>=', '20.x.y', '^^20', '20 ||| 21', '1.2.3.4', '>=20 and <22', '01'])('%j is no range', (range) => {
  expect(isRange(range)).toBe(false);
  expect(satisfies('20.0.0', range)).toBeUndefined();
});

test.each([['22.0.0-nightly.1', '>=22', true], ['22.0.0-rc.1', '^20', false], ['20.20.2', '>=20.19.0-0', true], ['20.20.2', 'latest', undefined], ['x', '*', undefined]])('Node %s in %j: %s', (version, range, expected) => {
  expect(nodeSatisfies(version, range)).toBe(expected);
});

test('what is no version satisfies nothing', () => {
  expect(satisfies('twenty', '*')).toBeUndefined();
});
