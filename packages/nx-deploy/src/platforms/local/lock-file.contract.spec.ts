import { readFile, rm, writeFile } from 'node:fs/promises';
import { standbys } from '../../../../../e2e/support/processes.js';
import { answers, eventually, expectFleet, steady, underTraffic } from '../contract/faults/observe.js';
import { LocalPlace } from './place.spec-support.js';

test('an agent whose lock file is damaged or gone stays in charge, with its standby, and no request fails', async () => {
  const place = await LocalPlace.open({ apart: true });
  try {
    const service = place.service('lock-file');
    const { release } = await service.deploy(steady('rolling', '1'));
    const { lockFile } = place.home;
    await eventually(() => standbys(place.folder).length === 1, 'the standby');
    const pid = await place.pid();
    const [standby] = standbys(place.folder);
    const namesBoth = async (): Promise<boolean> => {
      const text = await readFile(lockFile, 'utf8').catch(() => '');
      return text.includes(`"pid":${pid},`) && text.includes(`"standby":{"pid":${standby ?? 0},`);
    };
    await eventually(namesBoth, 'both to be named');
    await underTraffic(service, 'rolling', async () => {
      for (const damage of [() => writeFile(lockFile, ''), () => writeFile(lockFile, '{"pid":1'), () => rm(lockFile)]) {
        await damage();
        await eventually(namesBoth, 'the lock file to be written anew');
        expect(await place.pid()).toBe(pid);
      }
      await expectFleet(service, release);
    });
    // What it names is what takes over.
    await place.restart();
    expect(await place.pid()).toBe(standby);
    expect(await answers((await service.status()).url)).toBe(release);
  } finally {
    await place.close();
  }
}, 60_000);
