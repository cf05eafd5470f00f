/** Services that must not meet, changes that must not overlap, secrets that must not show. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Harness } from './harness.js';
import { answer, STEADY } from './traffic.js';

export function describeIsolation(harness: () => Harness): void {
  test('two workspaces, services and environments at once do not meet', async () => {
    const names = [['one', 'api', 'staging'], ['two', 'api', 'staging'], ['one', 'web', 'staging'], ['one', 'api', 'production']] as const;
    const services = await Promise.all(names.map(([workspace, service, environment]) => harness().service(workspace, service, environment)));
    const results = await Promise.all(services.map((service, index) => service.deploy({ ...STEADY, instances: 1, version: `number ${index}` })));
    expect(new Set(results.map((result) => result.release)).size).toBe(names.length);
    const bodies = await Promise.all(services.map(async (service) => (await answer(await service.url())).body));
    bodies.forEach((body, index) => expect(body).toContain(`number ${index}`));
    for (const [index, service] of services.entries()) expect(Object.keys(await service.platform.list())).toEqual([results[index]?.release]);
  });

  test('a second change of the same service is refused while one goes on, and names its holder', async () => {
    const service = await harness().service('lock', 'api', 'staging');
    const [first, second] = await Promise.all([service.deploy(STEADY), service.deploy({ ...STEADY, version: '2' })]);
    expect([first.outcome, second.outcome].sort()).toEqual(['done', 'refused']);
    const refused = first.outcome === 'refused' ? first : second;
    expect(refused.error).toMatchObject({ code: 'ND-LOCKED', why: expect.stringMatching(/@.* holds it since \d{4}-/) as string });
  });

  test('a secret stands in the sealed store and in the environment of the instance, and nowhere else', async () => {
    const secret = `planted-${Math.random().toString(36).slice(2)}-secret`;
    const service = await harness().service('secrets', 'api', 'staging');
    const done = await service.deploy({ ...STEADY, fixture: 'prints-secret', instances: 1, values: { API_TOKEN: secret }, secrets: ['API_TOKEN'] });
    expect(JSON.stringify(done)).not.toContain(secret);
    const lines: string[] = [];
    for await (const line of service.platform.logs(done.release, {})) lines.push(line.text);
    expect(lines).toContain('prints-secret: token [API_TOKEN]');
    const found = (await Promise.all(harness().folders.map((folder) => filesWith(folder, secret)))).flat();
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((file) => !harness().sealed.test(file))).toEqual([]);
  });
}

async function filesWith(folder: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesWith(path, text);
    return entry.isFile() && (await readFile(path)).includes(text) ? [path] : [];
  }));
  return found.flat();
}
