import fc from 'fast-check';
import { NOTICE_KINDS, type Notice } from './notice.js';
import { PLACEHOLDERS, subjectOf, textOf, unknownPlaceholders } from './template.js';

const notice: Notice = { id: 'i', kind: 'success', level: 1, at: 'T', service: 'api', environment: 'staging', run: 'run-1', action: 'deploy', by: 'ann@here', release: 'rB', durationMs: 61_000 };

test.each(NOTICE_KINDS)('%s has a text of its own, without gaps for what is not known', (kind) => {
  const text = textOf({ ...notice, kind });
  expect(text).toMatch(/^api \(staging\): .*rB/);
  expect(text).not.toMatch(/[{}]| {2}|undefined/);
});

test('a template has the facts by their names', () => {
  expect(textOf(notice, { success: '{service}/{environment} {duration}\n{event} {level} {version}!' })).toBe('api/staging 1m 01s\nsuccess 1 !');
  expect(textOf({ ...notice, kind: 'failure' }, { success: 'x' })).toContain('failed');
  expect(unknownPlaceholders(PLACEHOLDERS.map((name) => `{${name}}`).join(''))).toEqual([]);
  expect(unknownPlaceholders('{service} {secret} {} {a b}')).toEqual(['secret', '', 'a b']);
});

test('what has failed for long says so', () => {
  expect(textOf({ ...notice, kind: 'failure', level: 3 })).toMatch(/ \[failing for 30 minutes\]$/);
  expect(subjectOf({ ...notice, kind: 'failure', level: 4 })).toBe('api (staging): failure [failing for an hour]');
});

test('whatever a reason is, the text is plain, and braces of it are no placeholders', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (reason) => {
    expect(textOf({ ...notice, kind: 'failure', reason })).toMatch(/^[\x20-\x7e]*$/);
  }));
  expect(textOf({ ...notice, kind: 'failure', reason: '{by} {service}' })).toMatch(/\{by\} \{service\}$/);
});
