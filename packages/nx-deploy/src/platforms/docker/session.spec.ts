import { join } from 'node:path';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { lockHolder } from '../../releases/state.spec-support.js';
import { clientThatSays, keptIn } from './client.spec-support.js';
import { ROUTER, NEXT_ROUTER } from './router-arguments.js';
import { IMAGE, KEY, NEW } from './service.spec-support.js';
import { openDocker } from './session.js';
import type { DockerSession } from './target.js';

const root = temporaryFolder('docker-session');
const opened: DockerSession[] = [];
afterEach(async () => { await Promise.all(opened.splice(0).map((session) => session.close())); });

/** No volume, so no state; what else there is says the spec. */
const EMPTY = `'volume inspect '*) echo "Error: no such volume" >&2; exit 125 ;;
*' inspect '*) echo "Error: no such object" >&2; exit 125 ;;
'ps '*) ;;`;
const router = (status: string, labels: string): string => {
  const found = `{"Id":"r","Name":"${ROUTER}","Image":"i","State":{"Status":"${status}"},"Config":{"Image":"${IMAGE}","Labels":{${labels}}}}`;
  return `'container inspect ${ROUTER}') echo '[${found}]' ;;\n`;
};
const OWN = '"io.nx-deploy.role":"router"';

async function open(answers: string, use: 'look' | 'change' = 'look'): Promise<{ readonly session: DockerSession; readonly asked: () => readonly string[] }> {
  const { notes, asked } = clientThatSays(root, answers);
  const session = await openDocker({ key: KEY, owner: 'here', place: { program: 'podman', router: { image: IMAGE, network: 'host' } }, variables: { PATH: `${join(notes, 'bin')}:/usr/bin:/bin`, HOME: notes } }, use);
  opened.push(session);
  return { session, asked };
}

describe('a service on an engine that is only looked at', () => {
  it('is nothing where nothing was deployed, and nothing is made by looking', async () => {
    const { session, asked } = await open(EMPTY);
    expect(await session.platform.list()).toEqual({});
    expect(await session.instances()).toEqual([]);
    expect(await session.notes()).toEqual([]);
    expect(await session.closing()).toBeUndefined();
    expect(await session.platform.state.lock.revoke('run-1')).toBe(false);
    expect(asked().filter((call) => !/^(?:ps|container inspect|volume inspect|inspect) /.test(call))).toEqual([]);
  });

  it('tells of each instance whether it runs, ended or is started again, and why', async () => {
    const container = (slot: number, state: string): string => `{"Id":"i${slot}","Name":"api-${slot}","RestartCount":${slot - 1},"State":{${state},"StartedAt":"t"},"Config":{"Labels":{"io.nx-deploy.release":"${NEW}","io.nx-deploy.process":"web","io.nx-deploy.slot":"${slot}","io.nx-deploy.port":"3000"}}}`;
    const all = [
      container(1, '"Status":"running","ExitCode":0,"Pid":77'), container(2, '"Status":"restarting","ExitCode":3,"Pid":0,"Error":""'), container(3, '"Status":"exited","ExitCode":137,"Pid":0,"OOMKilled":true'),
      container(4, '"Status":"created","ExitCode":127,"Pid":0,"Error":"no such program"'),
    ];
    const { session } = await open(`'ps '*role=instance*) printf 'i1\\ta\\trunning\\ni2\\tb\\trestarting\\ni3\\tc\\texited\\ni4\\td\\tcreated\\n' ;;\n'container inspect i1 i2 i3 i4') echo '[${all.join(',')}]' ;;\n${EMPTY}`);
    expect(await session.instances()).toEqual([
      { id: 'web.1', release: NEW, state: 'running', reason: '', port: 3_000, crashes: 0, pid: 77 },
      { id: 'web.2', release: NEW, state: 'restarting', reason: 'it exited with code 3', port: 3_000, crashes: 1 },
      { id: 'web.3', release: NEW, state: 'ended', reason: 'it exited with code 137: it used more memory than it may', port: 3_000, crashes: 2 },
      { id: 'web.4', release: NEW, state: 'ended', reason: 'it exited with code 127: no such program', port: 3_000, crashes: 3 },
    ]);
  });

  it('is told of when containers come and go between the list and the look, and given up when that does not end', async () => {
    const gone = await open(`'ps '*role=instance*) if [ -f "$NOTES/listed" ]; then :; else touch "$NOTES/listed"; printf 'i1\\ta\\trunning\\n'; fi ;;\n${EMPTY}`);
    expect(await gone.session.instances()).toEqual([]);
    const { session, asked } = await open(`'ps '*role=instance*) printf 'i1\\ta\\trunning\\n' ;;\n${EMPTY}`);
    await expect(session.instances()).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { why: 'they came and went 5 times meanwhile' } });
    expect(asked().filter((call) => call.startsWith('ps ') && call.includes('role=instance'))).toHaveLength(5);
  });

  it.each([
    ['stopped', router('exited', OWN), ['the router does not run: nothing is reached; deploy or repair starts it again']],
    ['there', router('running', OWN), []],
    ['somebody else\'s', router('running', ''), [`a container that nx-deploy did not start has the name of the router (${ROUTER}): nothing can be deployed`]],
  ])('notes a router that is %s', async (_what, answers, notes) => {
    const { session } = await open(`${answers}${EMPTY}`);
    expect(await session.notes()).toEqual(notes);
  });

  it('is refused, and leaves no client, where the engine does not answer', async () => {
    await expect(open('*) echo "Cannot connect to Podman. Please verify your connection" >&2; exit 125 ;;')).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
  });
});

describe('a service on an engine that is to be changed', () => {
  it('gives the lock back where the router cannot be brought up', async () => {
    const foreign = `'container inspect ${ROUTER}') echo '[{"Id":"r","Name":"${ROUTER}","Image":"i","State":{"Status":"running"},"Config":{"Labels":{}}}]' ;;\n`;
    const { session, asked } = await open(`${keptIn(root)}\n'volume create '*) ;;\n${foreign}${EMPTY}`, 'change');
    await expect(session.platform.state.lock.acquire(lockHolder('run-1'))).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT', parts: { what: `the name ${ROUTER} is taken by a container that nx-deploy did not start` } });
    expect(asked().filter((call) => call.includes(NEXT_ROUTER) && call.startsWith('run'))).toEqual([]);
    // Free again: the next one gets as far.
    await expect(session.platform.state.lock.acquire(lockHolder('run-2'))).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
  });
});
