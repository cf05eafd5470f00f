import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from './component.js';
import type { Inventory } from './inventory.js';
import { licenseOf } from './license.js';
import { judgeLicenses, licensePolicyProblems, type LicensePolicy } from './license-policy.js';

function inventory(licenses: Readonly<Record<string, unknown>>): Inventory {
  const components = Object.entries(licenses).map(([name, license]): Component => {
    const read = licenseOf(Array.isArray(license) ? { licenses: license } : { license });
    return { ref: name, kind: name === 'own' ? 'library' : 'package', name, version: '1.0.0', hashes: [], optional: false, ...(read === undefined ? {} : { license: read }) };
  });
  const subject: Component = { ref: 'app', kind: 'application', name: 'app', hashes: [], optional: false };
  return { subject, components, needs: new Map() };
}

const outcome = (license: unknown, policy: LicensePolicy): string => {
  const [verdict] = judgeLicenses(inventory({ a: license }), policy).verdicts;
  return verdict?.reason === undefined ? verdict?.outcome ?? '' : `${verdict.outcome}: ${verdict.reason}`;
};

describe('a license policy', () => {
  it.each<[unknown, LicensePolicy, string]>([
    ['MIT', { allow: ['MIT'] }, 'allowed'],
    ['ISC', { allow: ['MIT'] }, 'denied: ISC is not allowed'],
    ['MIT OR GPL-3.0-only', { allow: ['MIT'] }, 'allowed'],
    ['MIT AND GPL-3.0-only', { allow: ['MIT'] }, 'denied: GPL-3.0-only is not allowed'],
    ['(MIT OR ISC) AND (BSD-3-Clause OR Apache-2.0)', { allow: ['ISC', 'Apache-2.0'] }, 'allowed'],
    ['GPL-3.0-only', { deny: ['GPL-3.0-only'] }, 'denied: GPL-3.0-only is denied'],
    ['MIT OR GPL-3.0-only', { deny: ['GPL-3.0-only'] }, 'allowed'],
    ['MIT', { allow: ['MIT'], deny: ['MIT'] }, 'denied: MIT is denied'],
    ['GPL-2.0-only WITH Classpath-exception-2.0', { allow: ['GPL-2.0-only WITH Classpath-exception-2.0'] }, 'allowed'],
    ['GPL-2.0-only', { allow: ['GPL-2.0-only WITH Classpath-exception-2.0'] }, 'denied: GPL-2.0-only is not allowed'],
    ['GPL-2.0-only WITH Classpath-exception-2.0', { allow: ['GPL-2.0-only'] }, 'denied: GPL-2.0-only WITH Classpath-exception-2.0 is not allowed'],
    ['Apache-1.1+', { allow: ['Apache-2.0'] }, 'allowed'],
    ['LicenseRef-Own', { allow: ['MIT', 'LicenseRef-Own'] }, 'allowed'],
    ['LicenseRef-Other', { allow: ['MIT', 'LicenseRef-Own'] }, 'denied: LicenseRef-Other is not allowed'],
    ['LicenseRef-Own', {}, 'allowed'],
    [undefined, { allow: ['MIT'] }, 'denied: it names no license, or is not installed'],
    ['UNLICENSED', {}, 'denied: what it names is no SPDX license'],
    ['UNLICENSED', { unknown: 'allow' }, 'allowed'],
    [['MIT', 'GPL-3.0-only'], { allow: ['MIT'] }, 'denied: GPL-3.0-only is not allowed'],
    [['MIT', 'ISC'], { allow: ['MIT', 'ISC'] }, 'allowed'],
    [['MIT', 'BSD'], { allow: ['MIT'] }, 'denied: what it names is no SPDX license'],
  ])('for %j and %j', (license, policy, verdict) => {
    expect(outcome(license, policy)).toBe(verdict);
  });

  it('judges every package at once, not the projects of the workspace, and lets exceptions pass with their reason', () => {
    const exceptions = [{ package: 'b@1.0.0', reason: 'bought' }, { package: 'c@2.0.0', reason: 'old' }, { package: 'a', reason: 'never needed' }];
    const { verdicts, unused } = judgeLicenses(inventory({ a: 'MIT', b: 'UNLICENSED', c: 'ISC', d: undefined, own: 'UNLICENSED' }), { allow: ['MIT'], exceptions });
    expect(verdicts).toEqual([
      { package: 'a', version: '1.0.0', license: 'MIT', outcome: 'allowed' },
      { package: 'b', version: '1.0.0', license: 'UNLICENSED', outcome: 'excepted', reason: 'bought' },
      { package: 'c', version: '1.0.0', license: 'ISC', outcome: 'denied', reason: 'ISC is not allowed' },
      { package: 'd', version: '1.0.0', license: 'no license', outcome: 'denied', reason: 'it names no license, or is not installed' },
    ]);
    expect(unused).toEqual(['c@2.0.0', 'a']);
  });

  it('is one that its page shows', async () => {
    const [, json = ''] = /## Licenses\n\n```json\n([\s\S]*?)```/.exec(await readFile(join(__dirname, '../../../../docs/sbom.md'), 'utf8')) ?? [];
    const policy = JSON.parse(json) as LicensePolicy;
    expect([outcome('Apache-2.0', policy), outcome('AGPL-3.0-only', policy), outcome(undefined, policy)]).toEqual(['allowed', 'denied: AGPL-3.0-only is denied', 'denied: it names no license, or is not installed']);
    expect(outcome('AGPL-3.0-or-later', { deny: policy.deny ?? [] })).toBe('denied: AGPL-3.0-or-later is denied');
  });

  it('that is wrong is refused with all that is wrong', () => {
    const policy: LicensePolicy = { allow: ['Apache 2', 'MIT OR ISC'], deny: ['GPL'], exceptions: [{ package: 'a', reason: ' ' }] };
    expect(licensePolicyProblems(policy)).toEqual([
      'licenses.allow[0]: "Apache 2" is no SPDX license', 'licenses.allow[1]: "MIT OR ISC" joins licenses; name each of them', 'licenses.deny[0]: "GPL" is no SPDX license',
      'licenses.exceptions[0].reason: say why a may pass',
    ]);
    expect(() => judgeLicenses(inventory({}), policy)).toThrow('"Apache 2" is no SPDX license; licenses.allow[1]');
  });
});
