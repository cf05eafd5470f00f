import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { ownCopy, pruneCopies, versionOf } from './code-copies.js';

const root = temporaryFolder('copies');
const HOUR = 60 * 60_000;
const NOW = Date.parse('2026-01-31T12:00:00Z');
let code: string;
let count = 0;
beforeEach(() => {
  code = join(root, String(count += 1), 'code');
  mkdirSync(code, { recursive: true });
});

const nameOf = (digit: number): string => String(digit).repeat(16);

/** A copy that was last put in charge so many hours ago. */
function copy(digit: number, hours: number): string {
  const folder = join(code, nameOf(digit));
  mkdirSync(folder);
  writeFileSync(join(folder, 'agent.js'), 'setInterval(() => {}, 1000); console.log("up");');
  utimesSync(folder, (NOW - hours * HOUR) / 1000, (NOW - hours * HOUR) / 1000);
  return folder;
}

test('all but the current copy and the one before are removed, whatever their names and order', async () => {
  copy(3, 50);
  copy(1, 40);
  copy(2, 30);
  copy(4, 20);
  expect([...await pruneCopies({ code }, nameOf(1), NOW)].sort()).toEqual([nameOf(2), nameOf(3)]);
  expect(readdirSync(code).sort()).toEqual([nameOf(1), nameOf(4)]);
  // It was put in charge now, so it is the one before when another follows it.
  copy(5, 0);
  expect(await pruneCopies({ code }, nameOf(5), NOW + 2 * HOUR)).toEqual([nameOf(4)]);
});

test('a copy that was made just now, and what is no copy, stay', async () => {
  for (const [digit, hours] of [[1, 5], [2, 0.5], [3, 0.2], [4, 9]] as const) copy(digit, hours);
  mkdirSync(join(code, 'notes'));
  writeFileSync(join(code, 'file'), '');
  expect(await pruneCopies({ code }, nameOf(1), NOW)).toEqual([nameOf(4)]);
  expect(readdirSync(code)).toEqual([nameOf(1), nameOf(2), nameOf(3), 'file', 'notes']);
});

test('a copy that a process was started from stays as long as that runs', async () => {
  const [, , used] = [copy(1, 5), copy(2, 10), copy(3, 20)];
  const child = spawn(process.execPath, [join(used, 'agent.js')], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    expect(await pruneCopies({ code }, nameOf(1), NOW)).toEqual([]);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  expect(await pruneCopies({ code }, nameOf(1), NOW)).toEqual([nameOf(3)]);
});

test('a copy holds the bundles and the version of the package that they came with', () => {
  const bundles = join(code, '../package/dist/bundles');
  mkdirSync(bundles, { recursive: true });
  for (const name of ['agent.js', 'shim.js', 'walker.js']) writeFileSync(join(bundles, name), `// ${name}`);
  writeFileSync(join(bundles, '../../package.json'), '{"name":"nx-deploy","version":"1.2.3"}');
  const program = ownCopy({ code }, bundles);
  expect(readFileSync(program, 'utf8')).toBe('// agent.js');
  const [name = ''] = readdirSync(code);
  expect(versionOf({ code }, name)).toBe('1.2.3');
  expect(versionOf({ code }, nameOf(9))).toBeUndefined();
  expect(ownCopy({ code }, bundles)).toBe(program);
  expect(readdirSync(code)).toEqual([name]);
});

test('in a copy agent and walker are started by the starter, where the package has it', () => {
  const bundles = join(code, '../started/dist/bundles');
  mkdirSync(bundles, { recursive: true });
  for (const name of ['agent.js', 'shim.js', 'walker.js']) writeFileSync(join(bundles, name), `// ${name}`);
  const plain = ownCopy({ code }, bundles);
  writeFileSync(join(bundles, 'start.js'), '// starter');
  const program = ownCopy({ code }, bundles);
  expect(program).not.toBe(plain);
  const held = readdirSync(dirname(program)).map((name) => `${name}: ${readFileSync(join(dirname(program), name), 'utf8')}`);
  expect(held.sort()).toEqual(['agent.js: // starter', 'agent.main.js: // agent.js', 'shim.js: // shim.js', 'walker.js: // starter', 'walker.main.js: // walker.js']);
  writeFileSync(join(bundles, 'start.js'), '// another');
  expect(ownCopy({ code }, bundles)).not.toBe(program);
});
