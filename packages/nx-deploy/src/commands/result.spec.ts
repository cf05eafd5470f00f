import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError, ERROR_CODES, type ErrorCode } from '../errors.js';
import { commandContext } from './context.js';
import { EXIT_CODES, failure, outcomeOf, report } from './result.js';
import { silentOutput } from './terminal-output.js';
import { Recorder } from './workbench.spec-support.js';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'nx-deploy-result-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(Object.keys(ERROR_CODES) as ErrorCode[])('%s has an exit code and a document that names it', (code) => {
  const { exitCode, document } = failure(new DeployError(code, { what: 'it' }));
  expect([1, 2, 3]).toContain(exitCode);
  expect(document).toEqual({ outcome: outcomeOf(new DeployError(code, { what: 'it' })), exitCode, error: { code, what: 'it' } });
});

test('what is done or needs nothing done ends with 0, a failure never', () => {
  expect(EXIT_CODES).toEqual({ done: 0, unchanged: 0, planned: 0, restored: 1, failed: 1, 'not-restored': 2, refused: 3, paused: 4 });
});

test('a command that only looks never claims to have restored anything', () => {
  const thrown = new DeployError('ND-AGENT-FAILED', { what: 'the agent did not start' });
  expect(failure(thrown, 'look')).toMatchObject({ exitCode: 1, document: { outcome: 'failed' } });
  expect(failure(new DeployError('ND-CONFIG-MISSING', { what: 'no deploy.json' }), 'look')).toMatchObject({ exitCode: 3, document: { outcome: 'refused' } });
  expect(failure(thrown)).toMatchObject({ exitCode: 1, document: { outcome: 'restored' } });
});

test('whatever is thrown becomes an error, a document and a finished live line', async () => {
  const output = new Recorder();
  const context = commandContext({ workspaceRoot: folder, projectName: 'api', projectRoot: '.', environment: 'staging', variables: { NX_DEPLOY_HOME: folder } }, output);
  const outputFile = join(folder, 'result.json');
  const result = await report(context, { outputFile }, () => Promise.reject(new TypeError('of a kind that nobody expects')));
  expect(result).toMatchObject({ exitCode: 1, document: { outcome: 'restored', error: { code: 'ND-INTERNAL', why: 'of a kind that nobody expects' } } });
  expect(output).toMatchObject({ ended: true, errors: [{ code: 'ND-INTERNAL' }] });
  const text = await readFile(outputFile, 'utf8');
  expect(JSON.parse(text)).toEqual(result.document);
  expect(text.endsWith('}\n')).toBe(true);
});

test('silence is silent', () => {
  const write = jest.spyOn(process.stdout, 'write');
  const output = silentOutput();
  output.event({ type: 'note', text: 'x' });
  output.line('x');
  output.error(new DeployError('ND-INTERNAL', { what: 'x' }));
  output.end();
  expect(write).not.toHaveBeenCalled();
  write.mockRestore();
});
