import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageNames, read, root } from './repository.spec-support.js';

interface Packed {
  readonly name: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

type Target = string | { readonly types?: string; readonly default: string };

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly main: string;
  readonly types: string;
  readonly exports: Record<string, Target>;
  readonly bin?: Record<string, string>;
  readonly executors?: string;
  readonly generators?: string;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

type Name = (typeof packageNames)[number];

/** Bytes that an installed package may take, without its dependencies. */
const budget: Record<Name, number> = { 'nx-health': 480_000, 'nx-env-sync': 600_000, 'nx-build-manifest': 450_000, 'nx-deploy': 7_000_000 };

const manifestOf = (name: string): Manifest => JSON.parse(read(`packages/${name}/package.json`)) as Manifest;
const relativeTo = (path: string): string => path.replace(/^\.\//, '');

/** Every file that the package says it has: entry points, types, programs, schemas. */
function promised(name: string): string[] {
  const manifest = manifestOf(name);
  const exported = Object.entries(manifest.exports).filter(([key]) => !key.includes('*')).map(([, target]) => target);
  const targets = exported.flatMap((target) => (typeof target === 'string' ? [target] : [target.types ?? '(no types)', target.default]));
  return [manifest.main, manifest.types, ...targets, ...Object.values(manifest.bin ?? {}), ...programs(name)].map(relativeTo);
}

function programs(name: string): string[] {
  const manifest = manifestOf(name);
  return (['executors', 'generators'] as const).flatMap((kind) => {
    const file = manifest[kind];
    if (file === undefined) return [];
    const path = `packages/${name}/${relativeTo(file)}`;
    if (!existsSync(join(root, path))) return [file];
    const listed = (JSON.parse(read(path)) as Record<string, Record<string, { implementation?: string; factory?: string; schema: string }>>)[kind] ?? {};
    return [file, ...Object.values(listed).flatMap((entry) => [`${entry.implementation ?? entry.factory ?? '(none)'}.js`, entry.schema])];
  });
}

/** Names of the packages that a compiled file loads. */
function loaded(code: string): string[] {
  return [...code.matchAll(/\b(?:require|import)\(\s*["']([^"'.][^"']*)["']\s*\)/g)]
    .map(([, request = '']) => request.split('/').slice(0, request.startsWith('@') ? 2 : 1).join('/'))
    .filter((request) => !request.startsWith('node:') && !builtinModules.includes(request));
}

describe('the package', () => {
  let packed: readonly Packed[] = [];
  beforeAll(() => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', ...packageNames.flatMap((name) => ['-w', name])], {
      cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 * 1024 * 1024,
    });
    const report = JSON.parse(output) as readonly Packed[] | Record<string, Packed>;
    packed = Array.isArray(report) ? report as readonly Packed[] : Object.values(report);
  });
  const of = (name: string): Packed => packed.find((each) => each.name === name) ?? { name, unpackedSize: Infinity, files: [] };
  const paths = (name: string): string[] => of(name).files.map(({ path }) => path);

  describe.each(packageNames)('%s', (name) => {
    it('holds what runs, and nothing of the sources or the tests', () => {
      const unwanted = /(?:^|\/)(?:src|fixtures|spec-support|__tests__|coverage|node_modules)\/|\.spec\.|\.spec-support\.|contract\/|\.tsbuildinfo$|\.log$|\.env$|(?:^|\/)tsconfig/;
      expect(paths(name).length).toBeGreaterThan(3);
      expect(paths(name).filter((path) => unwanted.test(path.replace(/^dist\/generators\/[^/]+\/files\//, '')))).toEqual([]);
    });

    it('holds its licence and a page about it', () => {
      expect(paths(name)).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
      expect(read(`packages/${name}/LICENSE`)).toBe(read('LICENSE'));
      expect(manifestOf(name).license).toBe('MIT');
      expect(read(`packages/${name}/README.md`)).toContain(`# ${name}`);
    });

    it('holds every file that it promises', () => {
      expect(promised(name).filter((path) => !paths(name).includes(path))).toEqual([]);
    });

    it('holds no file whose source is gone', () => {
      const compiled = paths(name).filter((path) => /^dist\/(?!bundles\/).*(?<!\.d)\.js$/.test(path) && !/\/files\//.test(path));
      const source = (path: string): string => join(root, 'packages', name, path.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts'));
      expect(compiled.filter((path) => !existsSync(source(path)))).toEqual([]);
    });

    it('stays within its size', () => {
      expect(of(name).unpackedSize).toBeLessThan(budget[name]);
    });

    it('names no folder of the machine that built it', () => {
      const texts = paths(name).filter((path) => /\.(?:js|json|map|ts|md)$/.test(path));
      expect(texts.filter((path) => readFileSync(join(root, 'packages', name, path), 'utf8').includes(`${root}/`))).toEqual([]);
    });

    it('depends on what it loads', () => {
      const { dependencies = {}, peerDependencies = {} } = manifestOf(name);
      const known = [name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)];
      const used = paths(name).filter((path) => path.endsWith('.js') && !/^dist\/bundles\/|\/files\//.test(path))
        .flatMap((path) => loaded(readFileSync(join(root, 'packages', name, path), 'utf8')));
      expect([...new Set(used)].filter((request) => !known.includes(request))).toEqual([]);
    });

    it('takes the other packages in the version that they have', () => {
      const own = Object.entries(manifestOf(name).dependencies ?? {}).filter(([dependency]) => packageNames.some((other) => other === dependency));
      expect(own).toEqual(own.map(([dependency]) => [dependency, manifestOf(dependency).version]));
    });

    it('loads, by every name that it exports', () => {
      const requests = Object.keys(manifestOf(name).exports).filter((key) => !key.includes('*')).map((key) => join(name, key));
      const script = `for (const request of ${JSON.stringify(requests)}) console.log(request, typeof require(request));`;
      const output = execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      expect(output.trim().split('\n')).toEqual(requests.map((request) => `${request} object`));
    });

    it('has programs that can be run', () => {
      for (const path of Object.values(manifestOf(name).bin ?? {})) {
        const file = join(root, 'packages', name, path);
        expect(readFileSync(file, 'utf8').split('\n', 1)).toEqual(['#!/usr/bin/env node']);
        expect(statSync(file).mode & 0o111).toBe(0o111);
      }
    });

    it('has its programs before it is built, as package managers link only what is there', () => {
      const programs = Object.values(manifestOf(name).bin ?? {}).map(relativeTo);
      expect(programs.filter((path) => path.startsWith('dist/'))).toEqual([]);
      for (const path of programs) {
        const folder = mkdtempSync(join(tmpdir(), 'nx-deploy-not-built-'));
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        copyFileSync(join(root, 'packages', name, path), join(folder, path));
        const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, path), '--help'], { encoding: 'utf8' });
        rmSync(folder, { recursive: true });
        expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(new RegExp(`^${name} is not built yet: .*\n$`)) as string });
        expect(execFileSync(process.execPath, [join(root, 'packages', name, path), '--help'], { encoding: 'utf8' })).toMatch(new RegExp(`^Usage: ${name} <command>`));
      }
    });
  });
});
