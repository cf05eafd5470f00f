import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmailTarget, PreparedChannel } from './channel.js';
import { noticeId, type Notice } from './notice.js';
import { Notifier } from './notifier.js';
import { Receiver } from './receiver.spec-support.js';
import { signature } from './webhook.js';

const notice: Notice = {
  id: noticeId('run-1', 'failure'), kind: 'failure', level: 1, at: '2026-01-02T03:04:05.000Z', service: 'api', environment: 'production', run: 'run-1', action: 'deploy', by: 'ann@here',
  outcome: 'restored', release: 'r0123456789ab', version: '1.2.3', code: 'ND-GATE-FAILED', reason: 'errorRate 30% <!channel> & "more"',
};

let notes: string[];
let folder: string;
beforeEach(() => {
  notes = [];
  folder = mkdtempSync(join(tmpdir(), 'nx-deploy-notify-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function send(target: PreparedChannel['target'], rest: Partial<PreparedChannel> = {}, what: readonly Notice[] = [notice]): Promise<void> {
  const notifier = new Notifier([{ name: 'team', target, on: ['start', 'failure'], level: 1, templates: {}, timeout: 5_000, ...rest }], (text) => notes.push(text));
  for (const each of what) notifier.tell(each);
  expect(await notifier.settled(20_000)).toEqual([]);
}

describe('over HTTP', () => {
  let receiver: Receiver;
  beforeEach(async () => { receiver = await Receiver.open(); });
  afterEach(() => receiver.close());

  test('Slack gets a text, in which nobody is mentioned by a reason', async () => {
    await send({ type: 'slack', url: `${receiver.url}/services/T/B/secret` });
    expect(receiver.got).toMatchObject([{ method: 'POST', url: '/services/T/B/secret', headers: { 'content-type': 'application/json' } }]);
    expect(JSON.parse(receiver.got[0]?.body ?? '')).toEqual({
      text: 'api (production): deploy of r0123456789ab 1.2.3 failed (restored), by ann@here: ND-GATE-FAILED errorRate 30% &lt;!channel&gt; &amp; "more"',
    });
    expect(notes).toEqual([]);
  });

  test('a webhook gets the facts, signed as it can be checked', async () => {
    const before = Math.floor(Date.now() / 1_000);
    await send({ type: 'webhook', url: `${receiver.url}/hook`, secret: 'a-key-of-a-test' });
    const [{ headers, body }] = receiver.got as unknown as [{ headers: Record<string, string>; body: string }];
    expect(JSON.parse(body)).toEqual({ ...notice, text: expect.stringContaining('failed (restored)') });
    expect(headers).toMatchObject({ 'x-nx-deploy-event': 'failure', 'x-nx-deploy-delivery': notice.id });
    const timestamp = headers['x-nx-deploy-timestamp'] ?? '';
    expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
    expect(headers['x-nx-deploy-signature']).toBe(signature('a-key-of-a-test', timestamp, body));
    expect(signature('a-key-of-a-test', timestamp, `${body} `)).not.toBe(headers['x-nx-deploy-signature']);
    expect(signature('a-key-of-a-test', String(Number(timestamp) + 1), body)).not.toBe(headers['x-nx-deploy-signature']);
  });

  // openssl dgst -sha256 -hmac a-key
  test('the signature is what other programs compute', () => {
    expect(signature('a-key', '1700000000', '{"a":1}')).toBe('sha256=89f1284e466f71f2505c7ab05141089c334ee0133790e7be04a9a1e5c5fd0f1a');
  });

  test('a server that has a bad moment is asked again; one that refuses is not', async () => {
    receiver.answers = [503, 429];
    await send({ type: 'slack', url: receiver.url });
    expect(receiver.got).toHaveLength(3);
    expect(notes).toEqual([]);
    receiver.answers = [403];
    await send({ type: 'slack', url: `${receiver.url}/secret-path` });
    receiver.answers = [302];
    await send({ type: 'webhook', url: receiver.url });
    expect(receiver.got).toHaveLength(5);
    expect(notes).toEqual(['the notification team of failure was not taken: HTTP 403', 'the notification team of failure was not taken: HTTP 302']);
  });

  test('one that hangs costs its time and no more, and its address is not told', async () => {
    receiver.answers = [0];
    const started = performance.now();
    await send({ type: 'slack', url: `${receiver.url}/secret-path` }, { timeout: 200 });
    expect(performance.now() - started).toBeLessThan(1_500);
    const { url } = receiver;
    await receiver.close();
    await send({ type: 'slack', url: `${url}/secret-path` });
    receiver = await Receiver.open();
    expect(notes).toEqual(['the notification team of failure was not taken: no answer within 200ms', 'the notification team of failure was not taken: ECONNREFUSED']);
    expect(notes.join()).not.toContain('secret-path');
  });
});

describe('a command', () => {
  test('gets the facts by its input and the text as a variable, and nothing else of the environment', async () => {
    const file = join(folder, 'got.json');
    const code = `let s='';process.stdin.on('data',(d)=>s+=d).on('end',()=>require('fs').writeFileSync(${JSON.stringify(file)},JSON.stringify({...JSON.parse(s),env:[process.env.NX_DEPLOY_EVENT,process.env.NX_DEPLOY_TEXT,process.env.KEY,process.env.NX_OTHER]})))`;
    process.env['NX_OTHER'] = 'x';
    await send({ type: 'command', run: [process.execPath, '-e', code], env: { KEY: 'a-key-of-a-test' }, cwd: folder }, { timeout: 20_000, templates: { failure: '{service}\n{reason}' } });
    delete process.env['NX_OTHER'];
    expect(notes).toEqual([]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...notice, text: 'api\nerrorRate 30% <!channel> & "more"', env: ['failure', 'api\nerrorRate 30% <!channel> & "more"', 'a-key-of-a-test', null] });
  });

  test.each<[string, readonly string[], RegExp]>([
    ['fails', [process.execPath, '-e', 'process.exit(3)'], /: exit code 3$/],
    ['is not there', ['/no/such/program'], /: it could not be started$/],
    ['hangs', [process.execPath, '-e', 'setInterval(()=>0,1000)'], /: no answer within 700ms$/],
  ])('that %s is told as such', async (_what, argv, expected) => {
    await send({ type: 'command', run: argv, env: {}, cwd: folder }, { timeout: 700 });
    expect(notes).toEqual([expect.stringMatching(expected)]);
  });
});

describe('an e-mail', () => {
  interface Mail { readonly auth: string; readonly envelope: unknown; readonly text: string; readonly secure: boolean }
  interface Session { readonly envelope: { mailFrom: { address: string }; rcptTo: { address: string }[] }; readonly user?: string; readonly secure: boolean }
  interface SmtpServer { listen(port: number, host: string, ready: () => void): { address(): AddressInfo }; close(done: () => void): void }
  const { SMTPServer } = createRequire(__filename)('smtp-server') as { SMTPServer: new (options: object) => SmtpServer };
  let mails: Mail[];
  let server: SmtpServer;
  let port: number;

  async function listen(options: object): Promise<void> {
    mails = [];
    server = new SMTPServer({
      logger: false,
      onAuth: ({ username, password }: { username: string; password: string }, _session: Session, done: (error: Error | null, found?: object) => void) =>
        (password === 'a-password-of-a-test' ? done(null, { user: username }) : done(new Error(`no, ${password} is wrong`))),
      onData: (stream: NodeJS.ReadableStream, { envelope, user = '', secure }: Session, done: () => void) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => { text += chunk.toString(); }).on('end', () => {
          mails.push({ auth: user, secure, envelope: [envelope.mailFrom.address, envelope.rcptTo.map(({ address }) => address)], text });
          done();
        });
      },
      ...options,
    });
    await new Promise<void>((resolve) => { port = 0; const net = server.listen(0, '127.0.0.1', () => { ({ port } = net.address()); resolve(); }); });
  }
  afterEach(() => new Promise<void>((resolve) => { server.close(resolve); }));

  const nodemailer = createRequire(__filename).resolve('nodemailer');
  const target = (rest: Partial<EmailTarget> = {}): EmailTarget => ({ type: 'email', host: '127.0.0.1', port, security: 'none', from: 'deploys@example.com', to: ['ann@example.com', 'bob@example.com'], module: nodemailer, ...rest });

  /** The server's certificate is its own. */
  function trusting(): string {
    const file = join(folder, 'trusting.js');
    writeFileSync(file, `const n = require(${JSON.stringify(nodemailer)}); exports.createTransport = (o) => n.createTransport({ ...o, tls: { rejectUnauthorized: false } });`);
    return file;
  }

  test('has a subject, the text and the facts', async () => {
    await listen({ authOptional: true, disabledCommands: ['STARTTLS'] });
    await send(target());
    expect(notes).toEqual([]);
    expect(mails).toMatchObject([{ secure: false, envelope: ['deploys@example.com', ['ann@example.com', 'bob@example.com']] }]);
    const [{ text }] = mails as [Mail];
    expect(text).toMatch(/^Subject: api \(production\): failure\r$/m);
    expect(text).toMatch(/^To: ann@example\.com, bob@example\.com\r$/m);
    expect(text).toContain(`<${notice.id}@nx-deploy.invalid>`);
    expect(text.replaceAll('=\r\n', '')).toContain('release: r0123456789ab');
  });

  test('is sent by a user, once it is encrypted', async () => {
    await listen({});
    await send(target({ security: 'starttls', user: 'deploys', password: 'a-password-of-a-test', module: trusting() }));
    expect(notes).toEqual([]);
    expect(mails).toMatchObject([{ secure: true, auth: 'deploys' }]);
  });

  test('is not sent where it cannot be encrypted, or to a server that cannot prove who it is', async () => {
    await listen({ authOptional: true, disabledCommands: ['STARTTLS'] });
    await send(target({ security: 'starttls', user: 'deploys', password: 'a-password-of-a-test' }));
    await new Promise<void>((resolve) => { server.close(resolve); });
    await listen({});
    await send(target({ security: 'starttls', user: 'deploys', password: 'a-password-of-a-test' }));
    expect(mails).toEqual([]);
    expect(notes).toHaveLength(2);
    expect(notes[1]).toMatch(/certificate/);
    expect(notes.join()).not.toContain('a-password-of-a-test');
  });

  test('a wrong password is not told, whatever the server says', async () => {
    await listen({});
    await send(target({ security: 'starttls', user: 'deploys', password: 'another-password', module: trusting() }));
    expect(notes).toEqual([expect.stringMatching(/was not taken: Invalid login/)]);
    expect(notes.join()).not.toContain('another-password');
  });

  test('without nodemailer, and a server that is silent, are told', async () => {
    await listen({ authOptional: true, onConnect: () => undefined });
    await send(target({ module: join(folder, 'none.js') }));
    await send(target(), { timeout: 300 });
    expect(notes).toEqual([expect.stringContaining('Cannot find module'), expect.stringContaining('no answer within 300ms')]);
  });
});
