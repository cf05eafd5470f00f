import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { readSource } from './infer-source.js';
import type { SourceFacts } from './infer-source.js';

function facts(files: Readonly<Record<string, string>>): SourceFacts {
  const tree = createTreeWithEmptyWorkspace();
  for (const [file, text] of Object.entries(files)) tree.write(`apps/api/src/${file}`, text);
  return readSource(tree, { root: 'apps/api' });
}

describe('variables', () => {
  it.each<[string, string, readonly string[]]>([
    ['with defaults and other names', 'const { PORT = 3000, API_URL: url, LOG_LEVEL: level = "a, b" } = process.env;', ['API_URL', 'LOG_LEVEL']],
    ['on lines of their own, with comments and the rest', 'let {\n  PORT, // where it listens, mostly\n  /* the one */ TOKEN,\n  ...others\n}: NodeJS.ProcessEnv = process.env;', ['TOKEN']],
  ])('are those that process.env is taken apart into, %s', (_what, source, names) => {
    const found = facts({ 'main.ts': `${source}\napp.listen(PORT);\n` });
    expect([...found.variables.keys()]).toEqual(names);
    expect(found.readsPort).toBe(true);
  });

  it('are none of another object, nor of what one of them holds', () => {
    expect(facts({ 'main.ts': 'const { A } = config;\nconst { length } = process.env.NAME;\nconst { size } = process.env["OTHER"];\n' })).toMatchObject({ readsPort: false, variables: new Map([['NAME', 'apps/api/src/main.ts'], ['OTHER', 'apps/api/src/main.ts']]) });
  });
});

describe('a fixed port', () => {
  it.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['what listens rather than a database', { 'app.module.ts': 'forRoot({ host: "db", port: 5432 })', 'main.ts': 'await app.listen(3000);' }, 3000],
    ['the option of what listens', { 'a.ts': 'new Pool({ port: 5432 })', 'main.ts': 'app.listen({ host: "::", port: 4000 })' }, 4000],
    ['an option where nothing tells more', { 'main.ts': 'serve({ port: 8787 })' }, 8787],
    ['nothing beyond the ports', { 'main.ts': 'app.listen(70000)' }, undefined],
    ['nothing at all', { 'main.ts': 'app.listen(port)' }, undefined],
  ])('is %s', (_what, files, port) => {
    expect(facts(files).fixedPort).toBe(port);
  });
});
