import { PassThrough } from 'node:stream';
import { testProject } from '../executors/project.spec-support.js';
import { askOnTerminal, confirmChange, type Ask } from './confirm.js';

/** Standard input and output as a terminal has them. */
async function onTerminal<T>(answer: string | undefined, work: () => Promise<T>): Promise<{ readonly result: T; readonly shown: string }> {
  const [input, output] = [Object.assign(new PassThrough(), { isTTY: true }), Object.assign(new PassThrough(), { isTTY: true })];
  const before = [Object.getOwnPropertyDescriptor(process, 'stdin'), Object.getOwnPropertyDescriptor(process, 'stdout')] as const;
  Object.defineProperty(process, 'stdin', { configurable: true, value: input });
  Object.defineProperty(process, 'stdout', { configurable: true, value: output });
  try {
    if (answer === undefined) input.end();
    else input.write(answer);
    const result = await work();
    return { result, shown: String(output.read() ?? '') };
  } finally {
    Object.defineProperty(process, 'stdin', before[0]!);
    Object.defineProperty(process, 'stdout', before[1]!);
  }
}

describe('askOnTerminal', () => {
  it('asks and gives the line that was typed', async () => {
    const { result, shown } = await onTerminal('live\nmore\n', async () => askOnTerminal('Which?'));
    expect(result).toBe('live');
    expect(shown).toContain('Which? ');
  });

  it('has no answer where there is no terminal, or where the input ends', async () => {
    expect(await askOnTerminal('Which?')).toBeUndefined();
    const ended = await Promise.race([onTerminal(undefined, async () => askOnTerminal('Which?')).then(({ result }) => result ?? 'nobody'), new Promise((resolve) => setTimeout(resolve, 20_000, 'hangs').unref())]);
    expect(ended).toBe('nobody');
  });
});

describe('confirmChange', () => {
  const place = testProject();
  const confirm = (environment: string, typed: string | undefined): Promise<void> => {
    const ask: Ask = async (question) => {
      expect(question).toBe(`${environment} is protected. Type its name to restore it:`);
      return typed;
    };
    return confirmChange(environment, 'restore it', { ask }, { workspaceRoot: place.root, projectRoot: 'apps/api', projectName: 'api', variables: place.variables });
  };

  it('lets through whoever types the name of the environment, and nobody else', async () => {
    await expect(confirm('production', ' production ')).resolves.toBeUndefined();
    await expect(confirm('production', 'yes')).rejects.toMatchObject({ kind: 'refused', parts: { why: 'what was typed is not its name' } });
    await expect(confirm('production', undefined)).rejects.toMatchObject({ parts: { why: 'there is no terminal to ask on' } });
  });

  it('goes by the schema where it names what is protected', async () => {
    place.write({ 'apps/api/environments/env.schema.json': { 'x-protected': ['staging'] } });
    await expect(confirm('staging', 'no')).rejects.toMatchObject({ kind: 'refused' });
    await expect(confirm('production', undefined)).resolves.toBeUndefined();
  });
});
