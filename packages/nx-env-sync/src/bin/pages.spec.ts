/** The commands that the pages show are commands that there are, and the executors are found where Nx looks for them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findCommand, readCommandLine } from './arguments.js';
import { commands } from './commands.js';

const root = join(__dirname, '../../../..');
const pages = [...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => join('docs', file)), 'packages/nx-env-sync/README.md'];
/** In a block of code, where a line is one command. */
const shown = pages.flatMap((page) => [...readFileSync(join(root, page), 'utf8').matchAll(/^(?:cd \S+ && )?npx nx-env-sync (.*)$/gm)].map(([, words = '']) => [page, words.replace(/ < \S+$/, '')] as const));

it('shows many of them', () => expect(shown.length).toBeGreaterThan(10));

it.each(shown)('%s: nx-env-sync %s', (_, words) => {
  const [command = '', ...rest] = words.split(' ');
  expect(() => readCommandLine(findCommand(command, commands()), rest)).not.toThrow();
});

it('has no executor in a file that is called as something in the folder of the sources, which Nx would take for it', () => {
  const { executors } = JSON.parse(readFileSync(join(__dirname, '../../executors.json'), 'utf8')) as { executors: Record<string, { implementation: string }> };
  const mistaken = Object.values(executors).flatMap(({ implementation }) => ['', '.js', '.ts'].map((ending) => join(__dirname, '..', `${basename(implementation)}${ending}`))).filter((path) => existsSync(path));
  expect(mistaken).toEqual([]);
});
