import { find } from '../bench/programs.js';

/** `describe` unless something is lacking: in CI that fails; elsewhere the tests are skipped, and that is said. */
export function describeUnless(lack: string | undefined, name: string, body: () => void): void {
  if (lack === undefined) describe(name, body);
  else if (process.env['CI'] === 'true') it(name, () => { throw new Error(lack); });
  else {
    process.stderr.write(`SKIPPED: ${name}: ${lack}\n`);
    describe.skip(name, body);
  }
}

/** {@link describeUnless} for programs. */
export function describeWith(programs: readonly string[], name: string, body: () => void): void {
  const missing = programs.filter((program) => find(program) === undefined);
  describeUnless(missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`, name, body);
}
