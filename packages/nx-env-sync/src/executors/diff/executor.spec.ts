import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { testProject } from '../project.spec-support.js';
import diff, { type DiffOptions } from './executor.js';

const place = testProject();
const keys = keyPairs();
const run = (options: DiffOptions, configuration?: string): Promise<boolean> => place.run(diff, options, configuration);

function onTerminal(): void {
  const before = process.stdout.isTTY;
  process.stdout.isTTY = true;
  cleanups.push(() => {
    process.stdout.isTTY = before;
  });
}
const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((clean) => clean()));

async function environments(): Promise<void> {
  place.write({
    'environments/staging.env': 'LEVEL=planted-level\nSAME=planted-same\n',
    'apps/api/environments/staging.env': 'GREETING=planted-hello\nONLY=planted-only\n',
    'apps/api/environments/production.env': '# live\nGREETING="planted-other"\nSAME=planted-same\nLEVEL=planted-level\n',
    'apps/api/environments/env.schema.json': '{"properties":{"GREETING":{},"ONLY":{},"SAME":{},"LEVEL":{},"MARK":{"default":"planted-default"},"TOKEN":{"x-secret":true}}}',
    'apps/api/environments/production.secrets.env': await encryptArmored('TOKEN=planted-token\n', [keys.ours.recipient]),
  });
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
}

describe('executor diff', () => {
  it('names what differs and where it is set, and no value', async () => {
    await environments();
    expect(await run({ from: 'staging', to: 'production' })).toBe(true);
    const printed = place.printed();
    expect(readFileSync(join(__dirname, '../../../../../docs/env-sync/diff.md'), 'utf8')).toContain(`\`\`\`\n${printed}\`\`\``);
    expect(printed).toBe([
      '  KEY       STATE            staging                              production',
      '  GREETING  changed          apps/api/environments/staging.env:1  apps/api/environments/production.env:2',
      '  ONLY      missing          apps/api/environments/staging.env:2  -',
      '  TOKEN     added    secret  -                                    apps/api/environments/production.secrets.env:1',
      'staging -> production: 1 changed, 1 missing, 1 added, 3 kept', '',
    ].join('\n'));
    expect(await run({ to: 'production', all: true, json: true }, 'staging')).toBe(true);
    const document = JSON.parse(place.printed()) as { keys: { key: string; state: string; from?: { fingerprint: string }; to?: { fingerprint: string } }[] };
    expect(document).toMatchObject({ success: true, from: 'staging', to: 'production', different: true, counts: { kept: 3, changed: 1, missing: 1, added: 1 } });
    expect(document.keys.map(({ key, state }) => `${key} ${state}`)).toEqual(['GREETING changed', 'LEVEL kept', 'MARK kept', 'ONLY missing', 'SAME kept', 'TOKEN added']);
    const same = document.keys.find(({ key }) => key === 'SAME');
    expect(same?.from?.fingerprint).toMatch(/^[0-9a-f]{12}$/);
    expect(same?.to?.fingerprint).toBe(same?.from?.fingerprint);
    expect(place.everything()).not.toContain('planted');
  });

  it('fails on a difference only when told so, and never without one', async () => {
    await environments();
    expect(await run({ environment: 'staging', to: 'production', failOnDifference: true })).toBe(false);
    place.printed();
    expect(await run({ from: 'staging', to: 'staging', failOnDifference: true })).toBe(true);
    expect(place.printed()).toBe('staging -> staging: no difference, 5 kept\n');
  });

  it('gives fingerprints that nobody can compare with those of another time', async () => {
    await environments();
    const prints = async (): Promise<string> => {
      await run({ from: 'staging', to: 'production', json: true });
      return place.printed();
    };
    expect(await prints()).not.toBe(await prints());
  });

  it('shows values on a terminal alone, with what a terminal would obey written out', async () => {
    await environments();
    place.write({ 'apps/api/environments/staging.env': 'GREETING="a\\n\u001b[2J"\nONLY=planted-only\n' });
    for (const [options, why] of [[{ reveal: true }, 'values are shown on a terminal only'], [{ reveal: true, json: true }, 'values are not shown in JSON']] as const) {
      expect(await run({ from: 'staging', to: 'production', ...options })).toBe(false);
      expect(place.printed()).toContain(why);
    }
    expect(place.everything()).not.toContain('planted');
    onTerminal();
    expect(await run({ from: 'staging', to: 'production', reveal: true })).toBe(true);
    const shown = place.printed();
    expect(shown).toContain('    - "a\\n\\u001b[2J"\n    + "planted-other"\n');
    expect(shown).toContain('    - "planted-only"\n  TOKEN');
  });

  it.each<[DiffOptions, string]>([
    [{ from: 'stagin', to: 'production' }, 'error: there is no environment stagin; did you mean staging?\n'],
    [{ from: '../x', to: 'production' }, 'error: "../x" is no environment name'],
    [{ to: 'production' }, 'error: no environment was named\n  next: write --from=<environment> --to=<environment>; known: production, staging\n'],
    [{ from: 'staging' }, 'error: no environment was named\n  next: write --from=<environment> --to=<environment>; known: production, staging\n'],
  ])('is refused: %j', async (options, what) => {
    place.write({ 'environments/staging.env': 'A=1', 'environments/production.env': 'A=1' });
    expect(await run(options)).toBe(false);
    expect(place.printed()).toContain(what);
  });

  it('without any environment says that there is none', async () => {
    expect(await run({ from: 'staging', to: 'production' })).toBe(false);
    expect(place.printed()).toContain('next: no environments/*.env file exists yet: write one');
    expect(await run({})).toBe(false);
    expect(place.printed()).toContain('next: write --from=<environment> --to=<environment>\n');
  });

  it('compares nothing that it could not read', async () => {
    await environments();
    place.write({ 'apps/api/environments/staging.env': 'planted-line\nPORT=1\n' });
    expect(await run({ from: 'staging', to: 'production', json: true })).toBe(false);
    expect(JSON.parse(place.printed())).toEqual({ success: false, error: {
      kind: 'refused', what: 'the files of staging cannot be read as they are', next: 'correct them; nothing was changed',
      problems: ['apps/api/environments/staging.env:1: is no assignment: expected KEY=value, a comment or an empty line'],
    } });
    place.variables['NX_ENV_SYNC_IDENTITY'] = '';
    expect(await run({ from: 'production', to: 'production' })).toBe(false);
    expect(place.printed()).toContain('production.secrets.env: is encrypted, and there is no secret key to read it with');
    expect(place.everything()).not.toContain('planted');
  });
});
