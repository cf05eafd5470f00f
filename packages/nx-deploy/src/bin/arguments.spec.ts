import { COMMANDS, readArguments, USAGE } from './arguments.js';

function refused(argv: readonly string[]): { readonly code: string; readonly what: string; readonly why: string | undefined; readonly next: string | undefined } {
  try {
    readArguments(argv);
  } catch (error) {
    const { code, parts } = error as { code: string; parts: { what: string; why?: string; next?: string } };
    return { code, what: parts.what, why: parts.why, next: parts.next };
  }
  throw new Error('it was not refused');
}

test('a command with its options, short and long, before and behind the name', () => {
  expect(readArguments(['deploy', '--dry-run', 'api', '-c', 'staging', '--strategy=recreate', '--json'])).toEqual({
    command: 'deploy', positionals: ['api'], values: { 'dry-run': true, configuration: 'staging', strategy: 'recreate', json: true },
  });
  expect(readArguments(['logs', '-f', 'api', '--since', '10m', '--no-color'])).toEqual({ command: 'logs', positionals: ['api'], values: { follow: true, since: '10m', color: false } });
  expect(readArguments(['agent', 'stop', '--keep-instances']).values).toEqual({ 'keep-instances': true });
  expect(readArguments(['status', '--', '--verify']).positionals).toEqual(['--verify']);
});

test('the last of a repeated option wins', () => {
  expect(readArguments(['rollback', 'api', '--to', 'r1', '--to=r2']).values).toEqual({ to: 'r2' });
});

test.each([
  [['dpeloy', 'api'], 'there is no command "dpeloy"', 'did you mean deploy?'],
  [['toString'], 'there is no command "toString"', undefined],
  [[''], 'no command was given', undefined],
  [['deploy', 'api', '--dry-rnu'], 'there is no option "--dry-rnu"', 'did you mean --dry-run?'],
  [['deploy', 'api', '-x'], 'there is no option "-x"', undefined],
  [['deploy', 'api', '--to', 'r1'], 'there is no option "--to"', undefined],
  [['status', 'api', '--no-dry-run'], 'there is no option "--no-dry-run"', undefined],
  [['deploy', '--__proto__'], 'there is no option "--__proto__"', undefined],
  [['agent', 'stop', '--configuration', 'staging'], 'there is no option "--configuration"', undefined],
])('%j is refused', (argv, what, why) => {
  expect(refused(argv)).toMatchObject({ code: 'ND-OPTION-INVALID', what, why, next: expect.stringMatching(/^known: /) });
});

test.each([
  [['deploy', 'api', '-c'], /'-c, --configuration <value>' argument missing/],
  [['deploy', 'api', '--configuration', '--json'], /'--configuration' argument is ambiguous/],
  [['deploy', 'api', '--json=yes'], /'--json' does not take an argument/],
])('%j names what is wrong with the value', (argv, what) => {
  const error = refused(argv);
  expect(error).toMatchObject({ code: 'ND-OPTION-INVALID', what: expect.stringMatching(what), next: 'nx-deploy deploy --help lists the options' });
  expect(error.what).not.toMatch(/\n|TypeError/);
});

test('the usage names every command and option, in ASCII', () => {
  for (const [command, options] of Object.entries(COMMANDS)) {
    expect(USAGE).toContain(`  ${command} `);
    for (const name of Object.keys(options)) if (name !== 'help') expect(USAGE).toMatch(new RegExp(`--(no-)?${name}\\b`));
  }
  expect(USAGE).toMatch(/^[\n\x20-\x7e]*$/);
});
