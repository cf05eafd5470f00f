import { defaultTerms, type Probe } from '../model/index.js';
import type { CommandContext } from './context.js';
import { probeMeans } from './probing.js';

const often = { interval: 1, timeout: 1, failures: 1, errors: 1 };
const query: Probe = { name: 'lag', target: { type: 'prometheus', url: 'http://a', query: 'up', bound: 'above', limit: 0, token: 'TOKEN' }, ...often };
const command: Probe = { name: 'smoke', target: { type: 'command', run: ['x'], env: ['KEY'] }, ...often };

function means(soaks: readonly Probe[], watches: readonly Probe[], variables: NodeJS.ProcessEnv): unknown {
  const context = { workspaceRoot: '/w', projectRoot: 'apps/api', variables } as unknown as CommandContext;
  const analyse = { rules: [], minimum: 1, inconclusive: 'stop', probes: soaks } as const;
  return probeMeans(context, {
    file: '/w/apps/api/deploy.json', strategy: { type: 'blue-green', smoke: [], soak: 1, keepWarm: 0, analyse }, watch: { time: 1, terms: { ...defaultTerms(undefined), probes: watches } },
  });
}

test('checks get the variables that they name, and no others', () => {
  expect(means([query], [command], { TOKEN: 't', KEY: 'k', OTHER: 'o' })).toEqual({ variables: { TOKEN: 't', KEY: 'k' }, cwd: '/w/apps/api' });
  expect(means([], [], { TOKEN: 't' })).toBeUndefined();
});

test('variables that are not there are told once, before anything is done', () => {
  expect(() => means([query], [query, command], { TOKEN: '' })).toThrow(expect.objectContaining({
    code: 'ND-CONFIG-INVALID', parts: expect.objectContaining({ problems: ['checks.lag.token: the variable TOKEN is not set', 'checks.smoke.env: the variable KEY is not set'] }),
  }));
});

test.each(['a-token\nof-a-test', 'a-token-of-a-test\n', 'a token of a test', 'a-t\u00f6ken'])('a token that no request can carry is refused without being shown: %j', (TOKEN) => {
  expect(() => means([query], [], { TOKEN })).toThrow(expect.objectContaining({
    code: 'ND-CONFIG-INVALID', parts: expect.objectContaining({ problems: ['checks.lag.token: the variable TOKEN must hold nothing but printable ASCII without spaces and line feeds'] }),
  }));
});
