/**
 * The one table of who may import whom. eslint.config.mjs turns it into `no-restricted-imports` patterns.
 * A folder may import itself and what stands here; anything else that leaves it is an error. Every folder has a row:
 * lint-rules.spec.ts fails for one that has none. `types` may be imported by `import type` alone.
 */

/** @typedef {{ may: readonly string[], types?: readonly string[], bare?: string, apart?: readonly string[], starts?: true }} Layer */

const ground = ['model', 'errors'];
/** What a command may reach: everything but the ways in (executors, bin, generators, the plugin) and the strategies. */
const commands = ['config', 'plan', 'analysis', 'apply', 'platforms', 'agent', 'routers', 'archive', 'image', 'package', 'hooks', 'notifications', 'releases', 'terminal', 'shell', 'engine', 'control', 'walker', ...ground];

/**
 * Folders of packages/nx-deploy/src.
 * may: folders, or single files without their ending. types: the same, types only.
 * bare: pattern of the modules that are not files of ours and are allowed; without it all are.
 * apart: files of the folder itself that its sub-folders share; having it keeps the sub-folders from each other.
 * starts: may start processes.
 * @type {Readonly<Record<string, Layer>>}
 */
export const layers = {
  model: { may: [], bare: 'node:crypto' },
  strategies: { may: ground, bare: '' },
  releases: { may: ground },
  shell: { may: ground, starts: true },
  archive: { may: ground, types: ['config/resolved'] },
  image: { may: ['shell', 'archive', ...ground], types: ['config/resolved'] },
  package: { may: ['shell', 'archive', 'image', ...ground], types: ['config/resolved'] },
  routers: { may: ground },
  terminal: { may: ground },
  config: { may: ['notifications', ...ground] },
  hooks: { may: ['shell', 'config', ...ground] },
  start: { may: ['agent/home-folder'] },
  agent: { may: ['shell', 'routers', 'releases', 'archive', ...ground] },
  platforms: { may: ['agent', 'routers', 'shell', 'releases', 'archive', ...ground], types: ['config/resolved'], apart: ['platform', 'contract', 'index'] },
  plan: { may: ['strategies', 'config', ...ground], types: ['platforms/platform'] },
  analysis: { may: ['shell', ...ground] },
  notifications: { may: ['shell', ...ground] },
  apply: { may: ['plan', 'analysis', 'hooks', 'releases', ...ground], types: ['platforms/platform'] },
  engine: { may: ['plan', 'analysis', 'apply', 'hooks', 'notifications', 'releases', ...ground], types: ['config/resolved', 'platforms/platform'] },
  control: { may: ['engine', 'platforms', 'agent', 'routers', 'archive', 'image', 'releases', 'shell', ...ground] },
  walker: { may: ['engine', 'releases', 'shell', ...ground], types: ['platforms/platform', 'control/protocol'] },
  commands: { may: commands },
  generators: { may: ['config', 'commands', 'terminal', ...ground] },
  migrations: { may: ['config', ...ground] },
  executors: { may: ['strategies', ...commands, 'commands'] },
  bin: { may: ['strategies', ...commands, 'commands', 'executors'] },
};

/** Files of packages/nx-deploy/src itself that import nothing. The others there are on top and may import everything. */
export const closedFiles = ['errors'];

/** The packages of the repository and which of the others each may import. */
export const packages = {
  'nx-health': [],
  'nx-env-sync': [],
  'nx-build-manifest': [],
  'nx-deploy': ['nx-health', 'nx-env-sync', 'nx-build-manifest'],
};

/** Files of the other packages that may start a process, and how many folders below src they stand. */
export const processStarters = [{ name: 'nx-build-manifest', file: 'git.ts', depth: 0 }, { name: 'nx-env-sync', file: 'shell/*.ts', depth: 1 }, { name: 'nx-health', file: 'shell/*.ts', depth: 1 }];

const deepest = 5;
const escape = (text) => text.replaceAll('.', '\\.');
const either = (names) => (names.length === 0 ? '(?!)' : `(?:${names.map(escape).join('|')})(?:/|\\.js$|$)`);
const up = (times) => '\\.\\./'.repeat(times);

/** Patterns for every file of a package: the other packages, and ways around the patterns below. */
function packagePatterns(name, depth) {
  const others = Object.keys(packages).filter((other) => other !== name && !packages[name].includes(other));
  return [
    { regex: `^${either(others)}`, message: `${name} must not import this package (see tools/lint/layers.mjs).` },
    { regex: `^${name}(?:/|$)`, message: 'A package imports its own files by relative paths.' },
    { regex: `^${up(depth + 1)}`, message: 'An import must not leave the src folder of its package.' },
    { regex: '^\\./\\.\\./|^(?:\\.\\./)*[^./].*/\\.\\.(?:/|$)|/\\./', message: 'Write relative imports in their shortest form.' },
  ];
}

const processPattern = {
  regex: '^(?:node:)?(?:child_process|cluster)$|^execa(?:/|$)',
  message: 'Only the folders shell of nx-deploy, nx-env-sync and nx-health start processes.',
};

function layerPatterns(name, layer, depth) {
  const types = layer.types ?? [];
  const patterns = [{
    regex: `^${up(depth)}(?!\\.\\.)(?!${either([name, ...layer.may, ...types])})`,
    message: `${name} may import only: ${[...layer.may, ...types.map((type) => `${type} (types)`)].join(', ') || 'nothing'} (see tools/lint/layers.mjs).`,
  }];
  if (types.length > 0) {
    patterns.push({ regex: `^${up(depth)}${either(types)}`, allowTypeImports: true, message: `${name} may import only types from here.` });
  }
  if (layer.bare !== undefined) {
    patterns.push({ regex: `^(?!\\.)${layer.bare === '' ? '' : `(?!(?:${layer.bare})$)`}`, message: `${name} may import from outside only: ${layer.bare || 'nothing'}.` });
  }
  if (layer.apart !== undefined && depth > 1) {
    patterns.push({ regex: `^${up(depth - 1)}(?!\\.\\.)(?!(?:${layer.apart.join('|')})(?:\\.js|/))`, message: `The folders in ${name} must not import each other.` });
  }
  return patterns;
}

/** Tests, the conformance suite of the platforms among them, may reach for everything. */
export const tests = ['**/*.spec.ts', '**/*.spec-support.ts', '**/spec-support/**', 'packages/nx-deploy/src/platforms/contract/**'];

/** The same patterns for `await import('...')`, which the core rule does not see. */
function dynamicImports(patterns) {
  return patterns.map(({ regex, message }) => ({
    // A slash would end the pattern in a selector.
    selector: `ImportExpression > Literal[value=/${regex.replaceAll('/', '\\u002F')}/]`,
    message,
  }));
}

function block(file, patterns) {
  return {
    files: [file],
    ignores: tests,
    rules: {
      'no-restricted-imports': ['error', { patterns: patterns.map((pattern) => ({ caseSensitive: true, ...pattern })) }],
      'no-restricted-syntax': ['error', ...dynamicImports(patterns)],
    },
  };
}

/** Files exactly `depth` folders below src: the number of steps up to src is then known. */
const glob = (base, depth) => `${base}/${'*/'.repeat(depth)}*.ts`;
const depths = (from) => Array.from({ length: deepest - from + 1 }, (_, index) => from + index);

function packageBlocks(name) {
  return depths(0).map((depth) => block(glob(`packages/${name}/src`, depth), [...packagePatterns(name, depth), processPattern]));
}

function layerBlocks([name, layer]) {
  return depths(1).map((depth) => block(glob(`packages/nx-deploy/src/${name}`, depth - 1), [
    ...packagePatterns('nx-deploy', depth),
    ...layerPatterns(name, layer, depth),
    ...(layer.starts === true ? [] : [processPattern]),
  ]));
}

/**
 * Configuration objects for eslint, in order: a later one replaces the rule of an earlier one as a whole,
 * so each holds every pattern for its files.
 */
export function importRules() {
  return [
    ...Object.keys(packages).flatMap(packageBlocks),
    ...Object.entries(layers).flatMap(layerBlocks),
    ...closedFiles.map((name) => block(`packages/nx-deploy/src/${name}.ts`, [{ regex: '', message: `${name}.ts imports nothing.` }])),
    ...processStarters.map(({ name, file, depth }) => block(`packages/${name}/src/${file}`, packagePatterns(name, depth))),
  ];
}
