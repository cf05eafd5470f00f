import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChangeRequest } from '../engine/request.js';
import { fixture, type Fixture } from '../image/layout/layout.spec-support.js';
import { blobFile } from '../image/layout/read.js';
import { writeLayout } from '../image/layout/write.js';
import type { DeployEvent, Release } from '../model/index.js';
import { clientThatSays, keptIn } from '../platforms/docker/client.spec-support.js';
import { KEY, release } from '../platforms/docker/service.spec-support.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { dockerTask, isDockerOrder, watchedOn, type OrderedTarget } from './docker-task.js';

const root = temporaryFolder('docker-task');
const place = { program: 'podman', router: { image: 'haproxy:lts', network: 'host' } } as const;

it.each([[{ platform: 'docker' }, true], [{ platform: 'local' }, false], [{ place }, false], [null, false], ['docker', false], [undefined, false]])('an order says whom it is for: %j', (order, docker) => {
  expect(isDockerOrder(order)).toBe(docker);
});

it('what is watched is named by its engine', () => {
  expect(watchedOn({ key: KEY, place })).toEqual({ key: KEY, on: 'podman' });
  expect(watchedOn({ key: KEY, place: { ...place, context: 'prod' } })).toEqual({ key: KEY, on: 'podman, context prod' });
});

describe('the image of an order', () => {
  let home: string;
  let made: Fixture;
  beforeEach(async () => {
    home = mkdtempSync(join(root, 'home-'));
    made = await fixture(home);
  });

  /** An engine that has nothing but the folder that its keeper keeps. */
  function engine(answers: string): { readonly variables: NodeJS.ProcessEnv; readonly notes: string } {
    const { notes } = clientThatSays(root, `${keptIn(root)}
'volume inspect '*) echo '[{}]' ;;
${answers}
*' inspect '*) echo "Error: no such object" >&2; exit 125 ;;
'ps '*) ;;`);
    return { notes, variables: { PATH: `${join(notes, 'bin')}:/usr/bin:/bin`, HOME: notes, NX_DEPLOY_BLOBS: join(home, 'store') } };
  }

  async function stage(folder: string, variables: NodeJS.ProcessEnv, staged: Release): Promise<readonly DeployEvent[]> {
    const events: DeployEvent[] = [];
    const target: OrderedTarget = { key: KEY, owner: 'here', place, variables, source: { layout: folder, home } };
    const session = await dockerTask({ platform: 'docker', target, request: {} as ChangeRequest }).open(() => undefined, (event) => events.push(event));
    try {
      await session.platform.stage(staged);
    } finally {
      await session.close();
    }
    return events;
  }

  it('that was built anew since the order was given is told as such, and nothing is loaded', async () => {
    const folder = join(home, 'layout');
    await writeLayout(folder, [made.image('amd64')], { store: made.store });
    const { variables, notes } = engine('\'load --quiet\') cat > "$NOTES/loaded"; exit 1 ;;');
    await expect(stage(folder, variables, release('r0123456789ab'))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { why: 'it was built anew meanwhile', where: JSON.stringify(folder) } });
    const loaded = join(notes, 'loaded');
    expect(existsSync(loaded) ? readFileSync(loaded).length : 0).toBe(0);
  });

  it('is loaded from where it lies, with what its base has in the store', async () => {
    const folder = join(home, 'layout');
    const { root: { digest } } = await writeLayout(folder, [made.image('amd64')], { store: made.store });
    const { config } = JSON.parse(readFileSync(blobFile(folder, digest), 'utf8')) as { readonly config: { readonly digest: string } };
    const staged = release('r0123456789ab');
    const { variables, notes } = engine(`'load --quiet') cat > "$NOTES/loaded" ;;
'image inspect nx-deploy-'*) [ -f "$NOTES/loaded" ] || { echo "Error: no such image" >&2; exit 125; }; echo '[{"Id":"${config.digest}"}]' ;;`);
    await stage(folder, variables, { ...staged, artifact: { type: 'image', digest, config: config.digest, platform: 'linux/amd64', bytes: 1 } });
    const entries = execFileSync('tar', ['-tf', join(notes, 'loaded')], { encoding: 'utf8' }).split('\n');
    expect(entries).toContain('manifest.json');
  });
});
