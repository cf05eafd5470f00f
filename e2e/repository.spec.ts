import { ERROR_CODES, type ErrorCode, type Severity } from '../packages/nx-deploy/src/errors.js';
import { anchors, brokenLinks, exists, factsOf, linesWith, optionRows, optionsOf, packageNames, published, read, root, textFiles, type Published } from './repository.spec-support.js';

const files = textFiles();
const pages = files.filter((path) => path.endsWith('.md'));
const sources = files.filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));

describe('the files of the repository', () => {
  it('are found', () => {
    expect(files).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'e2e/repository.spec.ts', '.ci/run', 'packages/nx-deploy/src/errors.ts']));
  });

  it('are plain ASCII', () => {
    // eslint says so for sources; this is for everything else too.
    expect(files.flatMap((path) => linesWith(/[^\t -~]/, path))).toEqual([]);
  });

  // No pattern, and no sample of what it must find, stands here in a form that it finds.
  it.each([
    ['paths of one machine', '(?:^|[\\s"\'`=(:])/(?:work|root)/', ['at /', 'root/project']],
    ['hosts of a registry', '\\bregistry[.-][a-z0-9-]+\\.[a-z]{2,}|\\.internal(?:[:/]|$)', ['https://regis', 'try.example.com/']],
    ['notes to oneself', '\\b(?:[T]ODO|[F]IXME|[X]XX)\\b', ['// TO', 'DO later']],
    ['checks turned off', '@ts-(?:ig[n]ore|no[c]heck|ex[p]ect-error)', ['// @ts-ig', 'nore']],
    ['a private key', 'BEGIN [A-Z ]*PRIV[A]TE KEY', ['-----BEGIN EC PRIV', 'ATE KEY-----']],
  ])('hold no %s', (_, pattern, sample) => {
    const search = new RegExp(pattern);
    expect(search.test(sample.join(''))).toBe(true);
    expect(files.filter((path) => path !== 'package-lock.json').flatMap((path) => linesWith(search, path))).toEqual([]);
  });

  it('lock their dependencies without an address to load them from', () => {
    expect(linesWith(/"resolved": *"[a-z+]+:/, 'package-lock.json')).toEqual([]);
  });

  it('lock every optional dependency, without which npm ci rejects the lock file', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };
    const above = (path: string): string[] => {
      const parts = path.split('/node_modules/');
      return ['', ...parts.map((_, index) => `${parts.slice(0, index + 1).join('/node_modules/')}/`)];
    };
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !above(path).some((folder) => `${folder}node_modules/${name}` in packages)).map((name) => `${path}: ${name}`));
    expect(missing).toEqual([]);
  });

  it('are short enough to be read', () => {
    const counted = sources.map((path) => ({ path, lines: read(path).split('\n').length - 1 }));
    const long = counted.filter(({ path, lines }) => lines > (/\.spec(?:-support)?\.ts$|\/contract\//.test(path) ? 600 : 250));
    expect(long).toEqual([]);
  });

  it('have names that say what is in them', () => {
    expect(files.filter((path) => /(?:^|\/)(?:utils?|helpers?|common|manager|misc)\.[a-z]+$/.test(path))).toEqual([]);
  });
});

describe.each(published().map((each): [string, Published] => [`${each.packageName}:${each.name}`, each]))('%s', (_, each) => {
  it('has a program, and a schema that accepts only what it describes', () => {
    expect(exists(each.program)).toBe(true);
    const { options, open } = optionsOf(each.schema);
    expect(open).toEqual([]);
    expect(options.filter(({ description }) => typeof description !== 'string' || description.length < 10)).toEqual([]);
    expect(each.description).toEqual(expect.stringMatching(/^[A-Z].{10,}\.$/));
  });

  it('has a page that names each option', () => {
    const candidates = each.kind === 'generators'
      ? [`docs/${each.packageName.replace(/^nx-/, '')}/${each.name}.md`, 'docs/generators.md']
      : [`docs/${each.packageName.replace(/^nx-/, '')}/${each.name}.md`, `docs/executors/${each.name}.md`, `docs/${each.packageName.replace(/^nx-/, '')}.md`];
    const page = candidates.find((path) => exists(path) && read(path).includes(each.name));
    expect(page).toBeDefined();
    const text = read(page ?? '');
    const named = ({ name }: { name: string }): boolean => {
      const last = name.split('.').at(-1) ?? name;
      const dashed = last.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return text.includes(`\`${last}\``) || new RegExp(`--(?:no-)?(?:${last}|${dashed})\\b`).test(text) || text.includes(`"${last}"`);
    };
    expect(optionsOf(each.schema).options.filter((option) => !named(option)).map(({ name }) => name)).toEqual([]);
  });
});

const withOptions = published().filter(({ schema }) => factsOf(schema).size > 0);

describe.each(withOptions.map((each): [string, Published] => [`${each.packageName}:${each.name}`, each]))('the table of options of %s', (_, each) => {
  const facts = factsOf(each.schema);
  const short = each.packageName.replace(/^nx-/, '');
  const page = [`docs/${short}/${each.name}.md`, ...(each.kind === 'executors' ? [`docs/executors/${each.name}.md`] : [])].find((path) => exists(path));
  const section = (): string => {
    if (page !== undefined) return read(page);
    const [, own = ''] = read('docs/generators.md').split(each.packageName === 'nx-deploy' ? `## ${each.name}\n` : '## init of the other packages\n');
    return own.split('\n## ')[0] ?? '';
  };
  // The section that several packages share says of each row which of them it is for.
  const others = [' both ', ...packageNames.map((name) => ` ${name} `)];
  const rows = (): ReturnType<typeof optionRows> => optionRows(section()).filter(({ rest }) => {
    const of = rest.split('|')[0] ?? '';
    return !others.includes(of) || of === ' both ' || of === ` ${each.packageName} `;
  });

  it('has the options of its schema, each once, and no others', () => {
    expect(rows().flatMap(({ names }) => names).sort()).toEqual([...facts.keys()].sort());
  });

  it('tells the default of each, and the values that it may have', () => {
    const silent = [...facts].flatMap(([name, wanted]) => {
      const row = rows().find(({ names }) => names.includes(name));
      return wanted.filter((fact) => row?.rest.includes(fact) !== true).map((fact) => `${name}: ${fact}`);
    });
    expect(silent).toEqual([]);
  });
});

describe('every program of Nx in the sources', () => {
  it('is published', () => {
    const schemas = published().map(({ schema }) => schema);
    const found = files.filter((path) => /^packages\/[^/]+\/src\/(?:executors|generators)\/[^/]+\/schema\.json$/.test(path));
    expect(found.filter((path) => !schemas.includes(path))).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const text = read('docs/errors.md');
  const sections = new Map([...text.matchAll(/^## (\S+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)].map(([, code = '', body = '']) => [code, body]));
  const words: Record<Severity, string> = { refused: 'Refused.', failed: 'Failed.', 'not-restored': 'Not restored.' };

  it.each(Object.entries(ERROR_CODES) as [ErrorCode, Severity][])('explains %s and says what to do', (code, severity) => {
    const body = sections.get(code) ?? '';
    expect(body.trim().startsWith(words[severity])).toBe(true);
    expect(/^What to do: \S[\s\S]{20,}/m.test(body)).toBe(true);
  });

  it('explains no code that there is not, in alphabetical order', () => {
    expect([...sections.keys()]).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it('is where each code that a message can carry is listed', () => {
    const thrown = sources.filter((path) => !path.endsWith('.spec.ts')).flatMap((path) => [...read(path).matchAll(/'(ND-[A-Z-]+)'/g)].map((match) => match[1] ?? ''));
    expect([...new Set(thrown)].filter((code) => !(code in ERROR_CODES))).toEqual([]);
  });
});

describe('the pages', () => {
  it.each(pages)('%s has links that lead somewhere', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it('are all listed in the index', () => {
    const index = read('docs/README.md');
    const listed = pages.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md').map((path) => path.slice('docs/'.length));
    expect(listed.filter((path) => !index.includes(`](${path})`))).toEqual([]);
  });

  it('exist for the repository and each package', () => {
    for (const path of ['README.md', 'CONTRIBUTING.md', 'docs/README.md', ...packageNames.map((name) => `packages/${name}/README.md`)]) {
      expect([path, exists(path) && anchors(path).length > 0]).toEqual([path, true]);
    }
  });

  it('mention only scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const mentioned = ['README.md', 'CONTRIBUTING.md', 'docs/testing.md'].filter(exists).flatMap((path) => [...read(path).matchAll(/\bnpm run ([a-z0-9:-]+)/g)].map((match) => match[1] ?? ''));
    expect(mentioned.filter((name) => !(name in scripts))).toEqual([]);
  });
});

it('is looked at in the right place', () => {
  expect(read('package.json')).toContain('"workspaces"');
  expect(root.endsWith('e2e')).toBe(false);
});
