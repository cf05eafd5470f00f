import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { clientThatSays } from './client.spec-support.js';
import { NEXT_ROUTER, ROUTER } from './router-arguments.js';
import { fetchImage, newestImage } from './router-image.js';
import { lookAtRouters } from './router-look.js';
import { complain } from './router-trouble.js';
import { finishUpgrade, replaceRouter, sweepLeaving, waitForLeaving } from './router-upgrade.js';

const root = temporaryFolder('router-upgrade');
const says = (answers: string, program: 'docker' | 'podman' = 'podman'): ReturnType<typeof clientThatSays> => clientThatSays(root, answers, program);
const start = { image: 'haproxy:new', network: 'host', ports: [], token: 'mark' } as const;
const takes = (): Promise<{ exitCode: number; output: string; complaints: string }> => Promise.resolve({ exitCode: 0, output: '', complaints: '' });
const ABSENT = '*\' inspect \'*) echo "Error: no such object: $3" >&2; exit 125 ;;';
const ROLE = '"io.nx-deploy.role":"router"';

/** What is there under the name, as the engine tells it. */
function container(name: string, { id = `${name}-id`, status = 'running', labels = ROLE }: { readonly id?: string; readonly status?: string; readonly labels?: string } = {}): string {
  return `{"Id":"${id}","Name":"${name}","Image":"i","ImageName":"docker.io/library/haproxy:old","State":{"Status":"${status}"},"Config":{"Labels":{${labels}}}}`;
}
function there(old: string | undefined, next?: string): string {
  const one = (name: string, found: string | undefined): string => (found === undefined ? '' : `'container inspect ${name}') echo '[${found}]' ;;\n`);
  const both = old === undefined || next === undefined ? '' : `'container inspect ${ROUTER} ${NEXT_ROUTER}') echo '[${old},${next}]' ;;\n`;
  return `${both}${one(ROUTER, old)}${one(NEXT_ROUTER, next)}${ABSENT}\n`;
}
const changes = (asked: readonly string[]): readonly string[] => asked.filter((call) => !call.includes(' inspect ') && !call.startsWith('exec '));

describe('replacing the router', () => {
  it('is refused where its engine would start the old one again, and nothing is touched', async () => {
    const { client, asked } = says('\'update --help\') echo "  --memory  limit" ;;');
    await expect(replaceRouter({ client, start }, takes)).rejects.toMatchObject({ code: 'ND-ENGINE-UNSUPPORTED', parts: { what: 'the router cannot be replaced', next: expect.stringContaining(`podman rm --force ${ROUTER}`) as string } });
    expect(asked()).toEqual(['update --help']);
  });

  it('is refused where the new image does not take the configuration, with what it says', async () => {
    const { client, asked } = says('', 'docker');
    const refuses = (): ReturnType<typeof takes> => Promise.resolve({ exitCode: 1, output: '[ALERT] line 3: unknown keyword', complaints: '\n  Fatal errors found  \n' });
    await expect(replaceRouter({ client, start }, refuses)).rejects.toMatchObject({
      code: 'ND-ROUTER-FAILED', parts: { what: 'the router was not upgraded', why: 'haproxy:new does not take its configuration', problems: ['[ALERT] line 3: unknown keyword', 'Fatal errors found'] },
    });
    expect(asked()).toEqual([]);
  });

  it('takes the new one away again where it does not come up beside the old one, which goes on', async () => {
    const { client, asked } = says(`'update --help') echo "  --restart  policy" ;;
'run --detach '*) ;;
'exec '*) echo "Error: no container with that name" >&2; exit 125 ;;
'logs '*) echo "[ALERT] Starting frontend x: cannot bind socket (Address already in use) for [0.0.0.0:80]" >&2 ;;
'rm '*) ;;
${there(container(ROUTER))}`);
    await expect(replaceRouter({ client, start }, takes)).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
    expect(changes(asked())).toEqual(['update --help', expect.stringMatching(`^run --detach .*--name=${NEXT_ROUTER} `), `logs ${NEXT_ROUTER}`, `rm --force ${NEXT_ROUTER}`]);
  }, 60_000);

  it('takes the old one back where the new one cannot be started in its place', async () => {
    const id = `${'b'.repeat(12)}rest`;
    const { client, asked } = says(`'update --help') echo "  --restart  policy" ;;
'run --detach '*) echo "Error: rootlessport listen tcp 0.0.0.0:80: bind: address already in use" >&2; exit 126 ;;
'rm '*|'rename '*|'update '*|'start '*|'stop '*) ;;
${there(container(ROUTER, { id }))}`);
    await expect(replaceRouter({ client, start: { ...start, network: 'published' } }, takes)).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
    expect(changes(asked())).toEqual([
      'update --help', `update --restart=no ${id}`, `rename ${id} ${ROUTER}-${'b'.repeat(12)}`, `stop --time=10 ${id}`, expect.stringContaining(`--name=${ROUTER} `),
      `rm --force ${ROUTER}`, `rename ${id} ${ROUTER}`, `update --restart=always ${id}`, `start ${id}`,
    ]);
  });

  it('has nothing to take back where there was none, and does not stop one that does not run', async () => {
    const fails = '\'run --detach \'*) echo "Error: no space left on device" >&2; exit 125 ;;\n\'rename \'*|\'update \'*|\'rm \'*|\'start \'*) ;;\n\'exec \'*) exit 1 ;;\n';
    const none = says(`'update --help') echo --restart ;;\n${fails}${there(undefined)}`);
    await expect(replaceRouter({ client: none.client, start }, takes)).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    expect(changes(none.asked())).toHaveLength(2);
    const stopped = says(`'update --help') echo --restart ;;\n${fails}${there(container(ROUTER, { status: 'exited' }))}`);
    await expect(replaceRouter({ client: stopped.client, start }, takes)).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    expect(stopped.asked().filter((call) => call.startsWith('stop') || call.startsWith('kill'))).toEqual([]);
  });
});

describe('a replacement that a killed command began', () => {
  const CHANGES = '\'rm \'*|\'rename \'*|\'update \'*|\'kill \'*) ;;\n';
  const finish = async (old: string | undefined, next: string | undefined): Promise<readonly [boolean, readonly string[]]> => {
    const { client, asked } = says(`${CHANGES}${there(old, next)}`);
    return [await finishUpgrade(client), changes(asked())];
  };

  it('is finished: the old one finishes what it has, and the new one gets its name', async () => {
    const next = container(NEXT_ROUTER, { id: 'n' });
    expect(await finish(container(ROUTER, { id: 'o' }), next)).toEqual([true, ['update --restart=no o', `rename o ${ROUTER}-o`, 'kill --signal=USR1 o', `rename n ${ROUTER}`]]);
    expect(await finish(container(ROUTER, { id: 'o', status: 'exited' }), next)).toEqual([true, ['update --restart=no o', `rename o ${ROUTER}-o`, `rename n ${ROUTER}`]]);
    expect(await finish(undefined, next)).toEqual([true, [`rename n ${ROUTER}`]]);
  });

  it('is taken back where the new one never ran', async () => {
    expect(await finish(container(ROUTER), container(NEXT_ROUTER, { id: 'n', status: 'created' }))).toEqual([true, ['rm --force n']]);
  });

  it('is none where there is no new one; and what somebody else named so is left alone', async () => {
    expect(await finish(container(ROUTER), undefined)).toEqual([false, []]);
    expect(await finish(container(ROUTER), container(NEXT_ROUTER, { labels: '' }))).toEqual([false, []]);
    expect(await finish(container(ROUTER, { labels: '' }), container(NEXT_ROUTER))).toEqual([false, []]);
  });
});

describe('an old router', () => {
  const id = (letter: string): string => letter.repeat(64);
  const listed = (...rows: readonly string[]): string => `'ps '*) printf '${rows.join('')}' ;;`;
  const row = (letter: string, name: string, state: string): string => `${id(letter)}\\t${name}\\t${state}\\n`;

  it('is removed when it has ended, and waited for no longer than it may take', async () => {
    const { client, asked } = says(`${listed(row('a', `${ROUTER}-${'a'.repeat(12)}`, 'exited'), row('b', `${ROUTER}-${'b'.repeat(12)}`, 'running'), row('c', ROUTER, 'running'), row('d', `${ROUTER}-other`, 'exited'))}\n'rm '*) ;;`);
    expect(await sweepLeaving(client)).toBe(true);
    expect(asked().at(-1)).toBe(`rm ${id('a')}`);
    expect(await waitForLeaving(client, 0)).toBe(false);
    expect(await waitForLeaving(says(listed(row('c', ROUTER, 'running'))).client, 0)).toBe(true);
  });
});

describe('what an engine says of routers', () => {
  it('is understood with podman\'s names and without what it leaves out', async () => {
    const found = '{"Id":"x","Name":"/r","Image":"i","ImageName":"localhost/haproxy:mine","State":{"Status":"running","StartedAt":"t"},"Config":{"Labels":null},"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"80"},{"HostIp":"127.0.0.1","HostPort":"8080"},{}],"81/tcp":null}}}';
    const { old } = await lookAtRouters(says(there(found)).client);
    expect(old).toEqual({
      name: 'r', id: 'x', imageId: 'i', status: 'running', startedAt: 't', image: 'haproxy:mine', network: 'host', foreign: true,
      ports: [{ address: '0.0.0.0', port: 80 }, { address: '127.0.0.1', port: 8_080 }, { address: '0.0.0.0', port: 0 }],
    });
    const bare = '{"Id":"x","Name":"r","Image":"i","State":{"Status":"created"},"Config":{"Labels":{"io.nx-deploy.role":"router","io.nx-deploy.network":"published"}},"HostConfig":{"PortBindings":null}}';
    expect((await lookAtRouters(says(there(bare)).client)).old).toMatchObject({ image: '', startedAt: '', ports: [], network: 'published', foreign: false });
  });

  it('is why one that is started again and again does not come up, where its log tells', async () => {
    const facts = (status: string): Parameters<typeof complain>[1] => ({ name: ROUTER, id: 'x', imageId: 'i', status, startedAt: 't', image: '', network: 'host', foreign: false, ports: [] });
    const log = (text: string): ReturnType<typeof says> => says(`'logs --since=t ${ROUTER}') echo '${text}' >&2 ;;`);
    await expect(complain(log('[ALERT] Starting frontend x: cannot bind socket (Address already in use) for [0.0.0.0:80]').client, facts('restarting'))).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
    await expect(complain(log('nothing of interest').client, facts('restarting'))).resolves.toBeUndefined();
    const running = says('');
    await complain(running.client, facts('running'));
    expect(running.asked()).toEqual([]);
  });
});

describe('the image of the router', () => {
  it('is left as it is where it is there, and pulled where it is not', async () => {
    const has = says('\'image inspect \'*) echo sha256:1 ;;');
    expect(await fetchImage(has.client, 'haproxy:lts')).toBe(false);
    const lacks = says('\'image inspect \'*) echo "Error: haproxy:lts: image not known" >&2; exit 125 ;;\n\'pull \'*) ;;');
    expect(await fetchImage(lacks.client, 'haproxy:lts')).toBe(true);
    expect(lacks.asked()[1]).toBe('pull --quiet haproxy:lts');
  });

  it('is what the engine has under its name where it cannot be pulled', async () => {
    expect(await newestImage(says('\'pull \'*) exit 1 ;;\n\'image inspect \'*) echo sha256:1 ;;').client, 'mine:1')).toBe('sha256:1');
  });

  it.each([
    ['pull access denied', 'ND-ARTIFACT-MISSING', ['Error: pull access denied']], ['dial tcp: i/o strange', 'ND-ARTIFACT-MISSING', ['Error: dial tcp: i/o strange']], ['no space left on device', 'ND-DISK-FULL', ['Error: no space left on device']],
  ])('that cannot be had says why: %s', async (said, code, problems) => {
    const { client } = says(`'image inspect '*) echo "Error: x: image not known" >&2; exit 125 ;;\n'pull '*) echo "Error: ${said}" >&2; exit 125 ;;`);
    await expect(fetchImage(client, 'haproxy:lts')).rejects.toMatchObject({ code, parts: { problems } });
    await expect(newestImage(client, 'haproxy:lts')).rejects.toMatchObject({ code });
  });

  it('is not taken for missing where the engine does not answer', async () => {
    const { client, asked } = says('*) echo "Cannot connect to Podman. Is it running?" >&2; exit 125 ;;');
    await expect(fetchImage(client, 'haproxy:lts')).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    expect(asked()).toHaveLength(1);
  });
});
