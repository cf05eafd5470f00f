import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { ConfigValues } from '../../releases/index.js';
import { deployFile, unusedPort, Workbench } from '../workbench.spec-support.js';
import { answerOf, askServices, type Answers } from './required-services.js';

const SHORT = 1_000;
let bench: Workbench;
beforeAll(async () => { bench = await Workbench.open(); });
afterAll(() => bench.close());

const ask = (services: Parameters<typeof askServices>[2], config: Partial<ConfigValues> = {}, environment = 'staging'): Promise<Answers> =>
  askServices(bench.context({ environment }), { environment, service: 'api' }, services, { values: {}, secrets: [], ...config }, SHORT);

describe('what is none of the workspace', () => {
  let tcp: Server;
  let http: HttpServer;
  let status = 200;
  const port = (server: Server | HttpServer): number => (server.address() as AddressInfo).port;
  beforeAll(async () => {
    tcp = createServer((socket) => socket.destroy());
    http = createHttp((_request, response) => response.writeHead(status).end('\u001b[31mdown'));
    await Promise.all([tcp, http].map((server) => new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); })));
  });
  afterAll(() => { tcp.close(); http.close(); });

  test('is found where it answers, at an address that stands there or that the environment says', async () => {
    const { found, problems } = await ask([
      { name: 'db', at: '${DATABASE_URL}' }, { name: 'cache', at: `127.0.0.1:${port(tcp)}` }, { name: 'mail', at: `http://127.0.0.1:${port(http)}/health` }, { name: 'other', at: '${HOST:-127.0.0.1}:${PORT}' },
    ], { values: { DATABASE_URL: `postgres://user:hidden@127.0.0.1:${port(tcp)}/x`, PORT: String(port(tcp)) }, secrets: ['DATABASE_URL'] });
    expect(problems).toEqual([]);
    expect(found).toEqual(['db (${DATABASE_URL} answers)', `cache (127.0.0.1:${port(tcp)} answers)`, `mail (http://127.0.0.1:${port(http)}/health answers)`, 'other (${HOST:-127.0.0.1}:${PORT} answers)']);
  });

  test('is named with the reason where it does not, each of them at once', async () => {
    status = 503;
    const nobody = await unusedPort();
    const { problems } = await ask([{ name: 'db', at: `127.0.0.1:${nobody}` }, { name: 'mail', at: `http://127.0.0.1:${port(http)}/` }, { name: 'lost', at: 'nowhere.invalid:80' }, { name: 'unset', at: '${A}:${B}' }, { name: 'odd', at: '${C}' }], { values: { C: 'somewhere' } });
    expect(problems).toEqual([
      `db: nothing that will do answers at 127.0.0.1:${nobody} from here (connect ECONNREFUSED 127.0.0.1:${nobody}); start it, or correct its address`,
      `mail: nothing that will do answers at http://127.0.0.1:${port(http)}/ from here (HTTP 503: ?[31mdown); start it, or correct its address`,
      expect.stringMatching(/^lost: nothing that will do answers at nowhere\.invalid:80 .*(?:ENOTFOUND|EAI_AGAIN|did not end)/),
      'unset: where it is (${A}:${B}) is not known: the variable A, B is not set; set it in environments/staging.env',
      expect.stringMatching(/^odd: where it is \(\$\{C\}\) is no address like/),
    ]);
  });

  test('has no value of a secret in any line', async () => {
    const nobody = await unusedPort();
    const values = { URL: `postgres://user:hidden@127.0.0.1:${nobody}/x`, ODD: 'hidden', HTTP: `http://user:hidden@127.0.0.1:${port(http)}/` };
    const { problems } = await ask([{ name: 'db', at: '${URL}' }, { name: 'odd', at: '${ODD}' }, { name: 'mail', at: '${HTTP}' }], { values, secrets: Object.keys(values) });
    expect(problems).toEqual([expect.stringContaining('${URL} from here (ECONNREFUSED)'), expect.stringContaining('(${ODD}) is no address'), expect.stringContaining('${HTTP} from here (HTTP 503)')]);
    expect(problems.join()).not.toMatch(/hidden|127\.0\.0\.1/);
  });
});

describe('a service of the workspace', () => {
  beforeAll(async () => {
    await bench.start();
    await bench.project(deployFile(), { name: 'billing' });
    await bench.write('apps/billing/package.json', { name: 'billing', version: '2.1.0' });
    expect((await bench.deploy({}, { project: 'billing' })).document.outcome).toBe('done');
  });

  test('that serves a version that will do is found; without a range any will', async () => {
    expect(await ask([{ name: 'billing', version: '>=2.0.0' }])).toEqual({ found: ['billing (>=2.0.0; 2.1.0 runs in staging)'], problems: [] });
    expect(await ask([{ name: 'billing' }])).toEqual({ found: ['billing (2.1.0 runs in staging)'], problems: [] });
  });

  test('that is too old, was mistyped, or is somewhere else is told with what to do', async () => {
    const { found, problems } = await ask([{ name: 'billing', version: '^3.0.0' }, { name: 'biling' }, { name: 'postgres' }]);
    expect([found, problems]).toEqual([[], [
      'billing: ^3.0.0 is needed, and 2.1.0 runs in staging; deploy a version of it that will do first',
      'biling: no service of this name was deployed to staging; did you mean billing?; for one that is none of the workspace, say where it is by "at" in artifact.requires.services',
      'postgres: no service of this name was deployed to staging; deployed there: billing; for one that is none of the workspace, say where it is by "at" in artifact.requires.services',
    ]]);
    expect((await ask([{ name: 'billing' }], {}, 'production')).problems).toEqual([expect.stringMatching(/^billing: no service of this name was deployed to production, only to staging; deployed there: none;/)]);
  });

  test('that was destroyed is not there', async () => {
    const { destroy } = await import('../destroy.js');
    await destroy(bench.context({ project: 'billing' }), { confirm: 'billing' });
    expect((await ask([{ name: 'billing' }])).problems).toEqual(['billing: none of its releases has traffic in staging; deploy it there first']);
  });
});

describe('what serves', () => {
  const share = (weight: number, ready = 1) => ({ weight, processes: { web: { running: 1, ready, draining: 0 } } });
  const release = (id: string, version?: string) => ({ id, at: '', action: 'deploy', outcome: 'done', by: '', available: true, ...(version === undefined ? {} : { version }) });
  const serving = (fleet: Parameters<typeof answerOf>[0]['fleet'], ...releases: ReturnType<typeof release>[]) => ({ fleet, releases, environment: 'staging' });

  test.each<[string, Parameters<typeof answerOf>[0], string | undefined, object | undefined]>([
    ['in two versions has to do in both', serving({ r1: share(95), r2: share(5) }, release('r2', '3.0.0'), release('r1', '2.0.0')), '^2.0.0', { problem: expect.stringContaining('2.0.0 and 3.0.0 runs in staging') }],
    ['in two versions that both do', serving({ r1: share(95), r2: share(5) }, release('r2', '2.1.0'), release('r1', '2.0.0')), '^2.0.0', { found: '^2.0.0; 2.0.0 and 2.1.0 runs in staging' }],
    ['is not what is kept warm beside it', serving({ r1: share(100), r2: share(0) }, release('r2', '3.0.0'), release('r1', '2.0.0')), '^2.0.0', { found: '^2.0.0; 2.0.0 runs in staging' }],
    ['without an instance that is ready', serving({ r1: share(100, 0) }, release('r1', '2.0.0')), undefined, { problem: expect.stringContaining('no instance of it is ready') }],
    ['in a version that nobody wrote down', serving({ r1: share(100) }, release('r9', '2.0.0')), '>=1.0.0', { problem: expect.stringContaining('a version that is not known') }],
    ['in a version that is none', serving({ r1: share(100) }, release('r1', 'main\n')), '>=1.0.0', { problem: expect.stringContaining('main\\u000a runs') }],
    ['nothing, and never did', serving({}), undefined, undefined],
  ])('%s', (_, status, version, answer) => {
    expect(answerOf(status, version)).toEqual(answer);
  });
});
