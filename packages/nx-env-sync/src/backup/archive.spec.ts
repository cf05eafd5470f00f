import fc from 'fast-check';
import { readArchive, writeArchive, type Archive } from './archive.js';

const archive: Archive = { environment: 'staging', project: 'apps/api', takenAt: new Date('2026-01-31T12:00:00.123Z'), reason: 'env-backup', plain: Buffer.from('A=1\n'), secrets: undefined };
const written = JSON.parse(writeArchive(archive)) as Record<string, unknown>;
const reading = (value: unknown): Archive | undefined => readArchive(Buffer.from(JSON.stringify(value)));

describe('an archive', () => {
  it('is read as it was written, whatever the files hold', () => {
    const content = fc.option(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), { nil: undefined });
    fc.assert(fc.property(content, content, fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }), (plain, secrets, takenAt) => {
      const whole = { ...archive, plain, secrets, takenAt };
      expect(readArchive(Buffer.from(writeArchive(whole)))).toEqual(whole);
    }), { numRuns: 200 });
  });

  it.each<[string, unknown]>([
    ['no object', []], ['nothing', null], ['another format', { ...written, format: 'nx-env-sync backup 2' }], ['a further field', { ...written, path: '../../.bashrc' }],
    ['a missing field', Object.fromEntries(Object.entries(written).slice(1))], ['fields in another order', Object.fromEntries(Object.entries(written).reverse())],
    ['a time that is none', { ...written, takenAt: 'now' }], ['a time in another form', { ...written, takenAt: '2026-01-31' }], ['no time', { ...written, takenAt: 1 }],
    ['a reason that a terminal obeys', { ...written, reason: '\u001b[2J' }], ['no text of a file', { ...written, plain: 1 }], ['no base64', { ...written, plain: 'A=1' }],
    ['base64 in another form', { ...written, plain: 'QT0xCh==' }], ['a huge file', { ...written, plain: Buffer.alloc(1_100_000).toString('base64') }],
    ['huge secrets', { ...written, secrets: Buffer.alloc(2_200_000).toString('base64') }], ['no environment', { ...written, environment: {} }], ['an inherited field', { ...written, __proto__x: 1 }],
  ])('is none: %s', (_, value) => {
    expect(reading(written)).toEqual(archive);
    expect(reading(value)).toBeUndefined();
  });

  it('is none: bytes that are no text, and text that is no JSON', () => {
    expect(readArchive(Uint8Array.of(0xff))).toBeUndefined();
    expect(readArchive(Buffer.from('{'))).toBeUndefined();
    expect(readArchive(Buffer.from('['.repeat(100_000)))).toBeUndefined();
  });
});
