import { fromNxDocker, type NxDockerTarget } from './nx-docker.js';

/** As @nx/docker 23 infers it. */
const inferred = (options: Readonly<Record<string, unknown>>): NxDockerTarget => ({ command: 'docker build .', options: { cwd: 'apps/api', ...options } });
const read = (target: NxDockerTarget, variables: NodeJS.ProcessEnv = {}): ReturnType<typeof fromNxDocker> => fromNxDocker(target, '/ws', variables);
function problems(target: NxDockerTarget): readonly string[] {
  try {
    read(target);
    return [];
  } catch (error) {
    return (error as { parts: { problems: readonly string[] } }).parts.problems;
  }
}

describe('the target of @nx/docker', () => {
  it('is the Dockerfile of the project, with its tag', () => {
    expect(read(inferred({ args: ['--tag apps-api'] }))).toEqual({
      engine: 'docker', context: '/ws/apps/api', dockerfile: '/ws/apps/api/Dockerfile', tags: ['apps-api'], args: {}, labels: {}, secrets: [], cacheFrom: [], cacheTo: [],
    });
  });

  it('gives its arguments, in every way of writing them, and the options that Nx adds', () => {
    expect(read(inferred({
      args: ['-t a:1 --tag=b:2', '-f ../docker/Dockerfile.api', '--build-arg "TEXT=a b" --build-arg=\'X=$1\' --build-arg TOKEN --build-arg E=', '--target run --platform linux/amd64,linux/arm64',
        '--secret id=npm,env=NPM_TOKEN --secret id=rc,src=.npmrc', '--label com.example.a=b=c', '--progress plain --load'],
      env: { TOKEN: 'own' }, 'cache-from': 'type=gha', color: true,
    }), { TOKEN: 'outer' })).toEqual({
      engine: 'docker', context: '/ws/apps/api', dockerfile: '/ws/apps/docker/Dockerfile.api', tags: ['a:1', 'b:2'], target: 'run', platforms: ['linux/amd64', 'linux/arm64'],
      args: { TEXT: 'a b', X: '$1', TOKEN: 'own', E: '' }, labels: { 'com.example.a': 'b=c' }, secrets: [{ id: 'npm', env: 'NPM_TOKEN' }, { id: 'rc', file: '/ws/apps/api/.npmrc' }], cacheFrom: ['type=gha'], cacheTo: [],
    });
    expect(read({ command: 'podman build ../.. {args}', options: { cwd: 'apps/api', args: '--file apps/api/Dockerfile' } })).toMatchObject({ engine: 'podman', context: '/ws', dockerfile: '/ws/apps/api/apps/api/Dockerfile' });
  });

  it('takes what is written in other ways', () => {
    expect(read(inferred({ env: 'no map', cwd: 5, tag: ['a', 'b'], quiet: true, verbose: true }))).toMatchObject({ context: '/ws', tags: ['a', 'b'] });
    expect(read(inferred({ args: String.raw`--label a="say \"hi\"" --label b=x\ y --secret id=f,source=/s,type=file --file=/abs/Dockerfile` }))).toMatchObject({
      labels: { a: 'say "hi"', b: 'x y' }, secrets: [{ id: 'f', file: '/s' }], dockerfile: '/abs/Dockerfile',
    });
  });

  it('names everything that it does not understand', () => {
    expect(problems(inferred({ args: ['--network host --ssh default', '--no-cache'], envFile: '.env', commands: [] }))).toEqual([
      'docker:build: options.envFile: it is not understood', 'docker:build: options.commands: it is not understood', ...['network', 'ssh', 'no-cache'].map((name) => `docker:build: args: "--${name}" is not understood`),
    ]);
    for (const args of ['--rm --tag', '--tag $(id)', '--tag `id`', '--tag a; rm -rf /', '--tag a && b', '--tag a > b', '--tag "$HOME"', "--tag 'open", '--tag a\n; b', '*']) expect(problems(inferred({ args }))).toHaveLength(1);
    expect(problems(inferred({ args: '--build-arg NONE --label x --secret id=a --secret src=b stray' }))).toHaveLength(5);
    expect(problems({ command: 'docker build . && docker push', options: {} })).toEqual(['docker:build: command: it is not "docker build <folder>"']);
    expect(problems({ options: { commands: ['docker build .'] } })).toHaveLength(2);
    expect(problems({ command: 'docker build .' })).toEqual([]);
    expect(problems({})).toHaveLength(1);
    expect(problems(inferred({ args: ['--tag a', 5], load: { a: 1 }, 'cache-to': [1] }))).toEqual([
      'docker:build: args: it is no text and no list of texts', 'docker:build: args: "5" is not understood', 'docker:build: options."load": it is not understood', 'docker:build: options."cache-to": it is not understood',
    ]);
    expect(problems(inferred({ args: '--secret id=a,type=ssh,env=A --secret id=a,env=A,src=b --secret id=a,env=A,mode=0400 --build-arg =x' }))).toHaveLength(4);
  });
});
