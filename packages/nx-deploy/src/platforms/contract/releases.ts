/** Earlier releases, their values and logs. */
import { answer, STEADY, type Fresh } from './traffic.js';

export function describeReleases(fresh: Fresh): void {
  test('a second rollback goes one further back, an unknown release is refused with the known ones', async () => {
    const service = await fresh();
    const ids: string[] = [];
    for (const version of ['1', '2', '3']) ids.push((await service.deploy({ ...STEADY, instances: 1, version })).release ?? '');
    expect(await service.rollback()).toMatchObject({ outcome: 'done', release: ids[1] });
    expect(await service.rollback()).toMatchObject({ outcome: 'done', release: ids[0] });
    expect(await service.rollback()).toMatchObject({ outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } });
    for (const unknown of ['r000000000000', '../../etc', 'r1; rm -rf /']) {
      const refused = await service.rollback(unknown);
      expect(refused).toMatchObject({ outcome: 'refused', error: { code: 'ND-RELEASE-UNKNOWN' } });
      for (const id of ids) expect(refused.error?.why).toContain(id);
    }
    expect(await service.rollback(ids[2])).toMatchObject({ outcome: 'done', release: ids[2] });
    expect(await answer(await service.url())).toMatchObject({ release: ids[2], body: expect.stringContaining('3') as string });
  });

  test('rollback brings back the values of that release', async () => {
    const service = await fresh();
    await service.deploy({ ...STEADY, instances: 1, values: { GREETING: 'first' } });
    await service.deploy({ ...STEADY, instances: 1, values: { GREETING: 'second' } });
    expect((await answer(await service.url(), '/env?name=GREETING')).body).toBe('"second"');
    await service.rollback();
    expect((await answer(await service.url(), '/env?name=GREETING')).body).toBe('"first"');
  });

  test('logs hold what the instances wrote, per instance', async () => {
    const service = await fresh();
    const { release } = await service.deploy(STEADY);
    const seen = new Set<string>();
    for await (const line of service.platform.logs(release, {})) seen.add(line.instance);
    expect([...seen].sort()).toEqual(['web.1', 'web.2']);
    for await (const line of service.platform.logs(release, { instance: 'web.2' })) expect(line.instance).toBe('web.2');
  });
}
