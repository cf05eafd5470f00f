import fc from 'fast-check';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import type { ErrorParts } from '../errors.js';
import { loadConfig, parseConfig, parseDefaults } from './load.js';

const MINIMAL = '{ "artifact": { "type": "files" }, "environments": { "staging": {} } }';

function failure(run: () => unknown): ErrorParts & { code: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof DeployError) return { code: error.code, ...error.parts };
    throw error;
  }
  throw new Error('nothing was thrown');
}

function problems(text: string): readonly string[] {
  const { code, problems: found } = failure(() => parseConfig(text, '/w/deploy.json'));
  expect(code).toBe('ND-CONFIG-INVALID');
  return found ?? [];
}

function withEnvironment(environment: string, rest = ''): string {
  return `{ "artifact": { "type": "files" }, ${rest} "environments": { "staging": ${environment} } }`;
}

describe('the version of the format', () => {
  it('may be left out, and is 1', () => {
    expect(parseConfig(MINIMAL, 'f').config.version).toBeUndefined();
    expect(parseConfig(MINIMAL.replace('{', '{ "version": 1,'), 'f').config.version).toBe(1);
  });

  it('is all that is told of a newer file, with what to do', () => {
    const error = failure(() => parseConfig('{\n  "version": 2,\n  "unheardOf": true\n}', '/w/deploy.json'));
    expect(error).toMatchObject({
      code: 'ND-CONFIG-INVALID', where: '/w/deploy.json', problems: ['version (2:14): must be at most 1, the format that this nx-deploy reads, got 2'],
      next: expect.stringContaining('nx migrate nx-deploy') as string,
    });
  });

  it.each([['"1"', '"1"'], ['0', '0'], ['-1', '-1'], ['1.5', '1.5'], ['null', 'null']])('is refused as %s beside the other problems', (version, shown) => {
    expect(problems(MINIMAL.replace('{', `{ "version": ${version}, "unheardOf": 1,`))).toEqual([
      `version (1:14): must be 1, got ${shown}`, expect.stringContaining('unheardOf') as string,
    ]);
  });
});

describe('deploy.json as text', () => {
  it('accepts comments, trailing commas and a byte order mark', () => {
    const { config } = parseConfig(`\uFEFF// why\n{ "artifact": { "type": "files", }, /* here */ "environments": { "staging": { "instances": 2, }, }, }`, 'f');
    expect(config.environments['staging']?.instances).toBe(2);
  });

  it.each([
    ['', 'must hold a JSON object, got an empty file'],
    [' \n\t', 'must hold a JSON object, got an empty file'],
    ['// only this', '1:13: is not JSON, value expected'],
    ['[]', 'the file (1:1): must be an object, got an empty list'],
    ['null', 'the file (1:1): must be an object, got null'],
    ['"text"', 'the file (1:1): must be an object, got "text"'],
  ])('refuses %j', (text, expected) => {
    expect(problems(text).join('\n')).toContain(expected);
  });

  it('says where the syntax breaks', () => {
    expect(problems('{\n  "artifact": { "type" "files" }\n}')).toEqual([expect.stringContaining('2:24: is not JSON, colon expected')]);
  });

  it('refuses a key that stands twice, also under different spelling of the same text', () => {
    expect(problems('{ "artifact": {}, "arti\\u0066act": {}, "environments": {} }')).toEqual(['artifact (1:19): stands twice']);
  });

  it('survives nesting that would exhaust the stack', () => {
    expect(problems('{"a":' + '['.repeat(200_000))).toEqual([expect.stringContaining('at most 64 levels')]);
  });

  it('refuses a file too large to be a description', () => {
    const filled = (bytes: number): string => MINIMAL + ' '.repeat(bytes - MINIMAL.length);
    expect(problems(filled(1_048_577))).toEqual(['must be at most 1 MiB (1048576 bytes), got 1048577 bytes']);
    expect(() => parseConfig(filled(1_048_576), 'f')).not.toThrow();
    // Bytes count, not characters.
    expect(problems(`${MINIMAL}//${'\u20ac'.repeat(400_000)}`)).toEqual([expect.stringMatching(/^must be at most 1 MiB/)]);
  });

  it('treats __proto__ as an unknown key and pollutes nothing', () => {
    const text = '{ "__proto__": { "polluted": true }, "artifact": { "type": "files" }, "environments": { "staging": { "__proto__": {} }, "__proto__": {} } }';
    const found = problems(text);
    expect(found).toEqual(expect.arrayContaining([expect.stringMatching(/^__proto__ \(1:3\): unknown key/), expect.stringMatching(/^environments\.staging\.__proto__ .*unknown key/)]));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['an environment', '{ "artifact": { "type": "files" }, "environments": { "a": {}, "__proto__": { "instances": 2 } } }', 'environments.__proto__ (1:63)'],
    ['a process', '{ "artifact": { "type": "files" }, "environments": { "a": {} }, "processes": { "__proto__": { "instances": 2 } } }', 'processes.__proto__ (1:80)'],
    ['a process of an environment', '{ "artifact": { "type": "files" }, "environments": { "a": { "processes": { "__proto__": {} } } } }', 'environments.a.processes.__proto__ (1:76)'],
  ])('refuses __proto__ as the name of %s instead of leaving it out', (_, text, place) => {
    expect(problems(text)).toEqual([`${place}: the name must be a name of at most 63 lower-case letters, digits, ".", "_" and "-" that begins with a letter or digit`]);
  });
});

describe('problems', () => {
  it('come all at once, in the order of the text, with line and column', () => {
    const text = [
      '{',
      '  "artifact": { "type": "files", "entyr": "x.js" },',
      '  "drain": "soon",',
      '  "environments": {',
      '    "staging": { "instances": "two", "listen": 70000 }',
      '  }',
      '}',
    ].join('\n');
    expect(problems(text)).toEqual([
      'artifact.entyr (2:34): unknown key; did you mean "entry"?',
      'drain (3:12): must be a duration like "500ms", "60s", "10m" or "24h", got "soon"',
      'environments.staging.instances (5:31): must be a whole number from 1 to 1000, got "two"',
      'environments.staging.listen (5:48): must be a whole number from 1 to 65535, got 70000',
    ]);
  });

  it('are at most fifty, and a count of the others', () => {
    const keys = (count: number): string => Array.from({ length: count }, (_, index) => `\n"x${index}": 1`).join();
    const found = problems(`{ "artifact": { "type": "files" }, "environments": { "a": {} },${keys(53)} }`);
    expect(found).toHaveLength(51);
    expect(found[0]).toMatch(/^x0 \(2:1\): unknown key/);
    expect(found.slice(49)).toEqual([expect.stringMatching(/^x49 \(51:1\)/), 'and 3 more']);
    expect(problems(`{ "artifact": { "type": "files" }, "environments": { "a": {} },${keys(50)} }`)).toHaveLength(50);
    const error = failure(() => parseConfig(`{${keys(53)} }`, 'f'));
    expect(error.what).toBe('the deploy configuration has 55 problems');
  });

  it('are found soon in a file that is full of them', () => {
    const keys = Array.from({ length: 60_000 }, (_, index) => `"x${index}": 1`).join();
    const begun = process.cpuUsage();
    expect(problems(`{${keys}}`).at(-1)).toBe('and 59952 more');
    expect(problems(`{${'"same": 1,'.repeat(60_000)}}`).at(-1)).toBe('and 59949 more');
    expect(problems('a '.repeat(60_000)).at(-1)).toMatch(/^and \d+ more$/);
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(10_000);
  });

  it('name what is missing', () => {
    expect(problems('{ }')).toEqual([
      'artifact (1:1): must be an object, but is missing',
      'environments (1:1): must be an object of environments by name, but is missing',
    ]);
  });

  it.each<[unknown, readonly RegExp[]]>([
    ['canry', [/strategy \(1:\d+\): must be "rolling", "recreate", "blue-green" or "canary", got "canry"$/]],
    [{ type: 'cannary' }, [/strategy\.type .*must be "rolling", "recreate", "blue-green" or "canary", got "cannary"$/]],
    [{ type: 'canary', steps: [] }, [/steps .*at least one step.*, got an empty list$/]],
    [{ type: 'canary', steps: 5 }, [/steps .*must be a list of steps, each with a "weight", got 5$/]],
    [{ type: 'canary', steps: [{ weight: 5 }, { weight: 5 }] }, [/steps\[1\]\.weight .*must be more than 5, the weight of the step before, got 5$/]],
    [{ type: 'canary', steps: [{ weight: 25 }, { weight: 4 }, { weight: 100 }] }, [/steps\[1\]\.weight .*more than 25.*got 4$/, /steps\[2\]\.weight .*from 1 to 99, got 100$/]],
    [{ type: 'canary', steps: [{ weigth: 5 }] }, [/steps\[0\]\.weight .*but is missing$/, /steps\[0\]\.weigth .*did you mean "weight"\?$/]],
    [{ type: 'canary', steps: [{ weight: 5, approve: 3 }] }, [/steps\[0\]\.approve .*must be true, the text of a question, or an object with "text" and "expires", got 3$/]],
    [{ type: 'canary', approve: true }, [/strategy\.approve .*unknown key; known here: /]],
    [{ type: 'canary', analyse: { errorRate: '5%', latencyP95: '< 0ms', latencyP96: '< 1s', inconclusive: 'maybe', minimum: 0 } }, [
      /analyse\.errorRate .*must be a limit like "< 5%".*got "5%"$/, /analyse\.latencyP95 .*must be a limit like "< 300ms".*got "< 0ms"$/, /analyse\.latencyP96 .*did you mean "latencyP95"\?$/,
      /analyse\.inconclusive .*must be "stop" or "ask", got "maybe"$/, /analyse\.minimum .*from 1 to 1000000, got 0$/,
    ]],
    [{ type: 'canary', analyse: true }, [/analyse .*must be an object with limits, or false, got true$/]],
    [{ type: 'canary', header: 'x y' }, [/header .*must be the name of a request header of your own.*got "x y"$/]],
    [{ type: 'canary', header: 'Cookie' }, [/header .*must be the name of a request header of your own.*got "Cookie"$/]],
    [{ type: 'blue-green', steps: [] }, [/strategy\.steps .*unknown key/]],
    [{ type: 'blue-green', approve: { expires: '1h' } }, [/approve\.text .*but is missing$/]],
    [{ type: 'blue-green', approve: 'a\nb' }, [/approve .*must be a line of 1 to 200 characters/]],
    [{ type: 'blue-green', smoke: ['health', { path: '/x', status: 99 }] }, [/smoke\[0\] .*begins with "\/".*got "health"$/, /smoke\[1\]\.status .*from 100 to 599, got 99$/]],
    [{ type: 'blue-green', keepWarm: '25d' }, [/keepWarm .*at most 24 days, got "25d"$/]],
  ])('name each key of the strategy %j', (strategy, expected) => {
    expect(problems(withEnvironment(JSON.stringify({ strategy })))).toEqual(expected.map((each) => expect.stringMatching(each) as string));
  });

  it('look into the object form of a key that has two forms', () => {
    expect(problems(withEnvironment('{ "listen": { "prot": 1 } }'))).toEqual([expect.stringMatching(/listen\.prot .*did you mean "port"/)]);
    expect(problems(withEnvironment('{ "strategy": { "type": "rolling", "batch": 0 } }'))).toEqual([expect.stringMatching(/strategy\.batch .*from 1 to 100, got 0/)]);
    expect(problems(withEnvironment('{ "strategy": { "type": "recreate", "batch": 5 } }'))).toEqual([expect.stringMatching(/strategy\.batch .*unknown key/)]);
    expect(problems(withEnvironment('{ "hooks": { "preDeploy": [{ "run": [] }] } }'))).toEqual([expect.stringMatching(/hooks\.preDeploy\[0\]\.run .*list of words/)]);
    expect(problems(withEnvironment('{ "platform": { "type": "swarm" } }'))).toEqual([expect.stringMatching(/must be "local" or "docker"/)]);
    expect(problems(withEnvironment('{ "platform": { "type": "docker", "contxt": "a" } }'))).toEqual([expect.stringMatching(/platform\.contxt .*did you mean "context"/)]);
    expect(problems(withEnvironment('{ "platform": "swarm" }'))).toEqual([expect.stringMatching(/must be "local" or "docker".*got "swarm"/)]);
  });

  it('say where a key belongs that stands too high', () => {
    expect(problems(withEnvironment('{}', '"instances": 2,'))).toEqual([expect.stringContaining('it belongs into an environment')]);
  });

  it('list the known keys when nothing is near', () => {
    expect(problems(withEnvironment('{}', '"before": [],'))).toEqual([expect.stringMatching(/^before .*unknown key; known here: .*artifact/)]);
  });

  it.each([
    ['"port": 1e999', /port .*whole number from 0 to 65535, got Infinity/],
    ['"port": -1', /port .*got -1/],
    ['"port": 80.5', /port .*got 80\.5/],
    ['"drain": "400d"', /at most 24 days/],
    ['"health": { "interval": "1ms" }', /at least 10ms/],
    ['"health": { "path": "health" }', /begins with "\/"/],
    ['"health": { "path": "/a b" }', /printable ASCII/],
    ['"limits": { "memory": "512" }', /size like/],
    ['"limits": { "memory": "1KB" }', /at least 1MB/],
    ['"command": "node main.js"', /list of words/],
    ['"command": [""]', /name of a program/],
    ['"command": ["node", "a\\u0000b"]', /without NUL/],
    ['"service": "My Api"', /lower-case letters.*got "My Api"/],
    ['"service": "../x"', /lower-case letters/],
    ['"processes": { "web": {} }', /web is the process/],
    ['"processes": { "Mail Worker": {} }', /processes\["Mail Worker"\] .*the name must be a name/],
    ['"hooks": { "preDeploy": ["node x.js"] }', /command as a list of words, or an object/],
    ['"hooks": { "preDeploy": [{ "run": ["x"], "env": ["A-B"] }] }', /environment variable/],
  ])('refuse %s', (rest, expected) => {
    const found = problems(withEnvironment('{}', `${rest},`));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it.each([
    ['{ "listen": { "address": "localhost" } }', /IP address/],
    ['{ "listen": { "host": "http://x" } }', /host name/],
    ['{ "listen": { "host": "-x" } }', /host name/],
    ['{ "listen": 0 }', /from 1 to 65535, got 0/],
    ['{ "listen": "8080" }', /port \(1 to 65535\) or an object.*got "8080"/],
    ['{ "instances": 0 }', /from 1 to 1000/],
    ['{ "processes": { "web": { "instances": 3 } } }', /environments\.staging\.processes\.web/],
  ])('refuse the environment %s', (environment, expected) => {
    expect(problems(withEnvironment(environment)).join()).toMatch(expected);
  });

  it.each(['/abs', '..\\\\x', 'C:/x', ''])('refuse the artifact path %j', (path) => {
    expect(problems(`{ "artifact": { "type": "files", "path": "${path}" }, "environments": { "a": {} } }`)).toHaveLength(1);
  });

  it.each(['../main.js', 'a/../../b.js', '/main.js', 'a\\\\b.js'])('refuse the entry %j', (entry) => {
    expect(problems(`{ "artifact": { "type": "files", "entry": "${entry}" }, "environments": { "a": {} } }`)).toHaveLength(1);
  });

  it('refuse environments with unsafe names, and none at all', () => {
    expect(problems('{ "artifact": { "type": "files" }, "environments": { "../prod": {}, "Prod": {} } }')).toHaveLength(2);
    expect(problems('{ "artifact": { "type": "files" }, "environments": {} }')).toEqual([expect.stringContaining('at least one environment')]);
  });

  it('accept names that are members of every object', () => {
    const { config } = parseConfig('{ "artifact": { "type": "files" }, "environments": { "constructor": { "instances": 2 } } }', 'f');
    expect(config.environments['constructor']?.instances).toBe(2);
  });

  it('are ASCII, short, and repeat no long text', () => {
    const [line = ''] = problems(withEnvironment('{}', `"service": "gr\u00fc\u00dfe \u202e${'x'.repeat(500)}",`));
    expect(line).toMatch(/^[ -~]+$/);
    expect(line.length).toBeLessThan(300);
  });
});

describe('two environments on one port', () => {
  const both = (a: string, b: string): string => `{ "artifact": { "type": "files" }, "environments": { "a": { "listen": ${a} }, "b": { "listen": ${b} } } }`;

  it.each([
    ['8080', '8080'],
    ['8080', '{ "port": 8080 }'],
    ['{ "port": 80, "host": "x.test" }', '{ "port": 80, "host": "X.TEST" }'],
    ['8080', '{ "port": 8080, "address": "0.0.0.0" }'],
  ])('is refused for %s and %s', (a, b) => {
    expect(problems(both(a, b))).toEqual([expect.stringMatching(/^environments\.b\.listen .*must differ from environments\.a\.listen/)]);
  });

  it.each([
    ['8080', '8081'],
    ['8080', '{ "port": 8080, "host": "b.test" }'],
    ['{ "host": "a.test" }', '{ "host": "a.test" }'],
    ['8080', '{ "port": 8080, "address": "127.0.0.2" }'],
  ])('is accepted for %s and %s', (a, b) => {
    expect(() => parseConfig(both(a, b), 'f')).not.toThrow();
  });
});

describe('the file', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'nd load "\' '));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is read from the project folder', () => {
    writeFileSync(join(folder, 'deploy.json'), MINIMAL);
    expect(loadConfig(folder, 'api').file).toBe(join(folder, 'deploy.json'));
  });

  it('says how to create it when there is none', () => {
    expect(failure(() => loadConfig(folder, 'api'))).toMatchObject({ code: 'ND-CONFIG-MISSING', next: expect.stringContaining('nx g nx-deploy:setup api') });
  });

  it('says when it is no file', () => {
    mkdirSync(join(folder, 'deploy.json'));
    expect(failure(() => loadConfig(folder, 'api'))).toMatchObject({ code: 'ND-CONFIG-MISSING', why: 'EISDIR' });
  });

  it('is not even read when it is too large', () => {
    const file = join(folder, 'deploy.json');
    writeFileSync(file, '');
    // With a hole for its content; no text in memory is that long.
    truncateSync(file, 3 * 1024 ** 3);
    expect(failure(() => loadConfig(folder, 'api'))).toMatchObject({ code: 'ND-CONFIG-INVALID', problems: ['must be at most 1 MiB (1048576 bytes), got 3221225472 bytes'] });
  });

  it('names a problem of a key with its place', () => {
    writeFileSync(join(folder, 'deploy.json'), MINIMAL);
    expect(loadConfig(folder, 'api').describe(['environments', 'staging', 'drain'], 'is odd')).toBe('environments.staging.drain (1:54): is odd');
  });
});

describe('defaults of nx.json', () => {
  it('may be absent', () => {
    expect(parseDefaults(undefined)).toEqual({});
  });

  it('are checked like deploy.json', () => {
    const error = failure(() => parseDefaults({ drian: '5s', keep: 0 }));
    expect(error.where).toContain('nx.json');
    expect(failure(() => parseDefaults(JSON.parse('{ "processes": { "__proto__": {} } }'))).problems).toEqual([expect.stringMatching(/^processes\.__proto__: the name must be/)]);
    expect(error.problems).toEqual(['keep: must be a whole number from 1 to 1000, got 0', 'drian: unknown key; did you mean "drain"?']);
  });
});

describe('any JSON at all', () => {
  const known = ['artifact', 'environments', 'hooks', 'processes', 'listen', 'strategy', 'health', '__proto__', 'constructor'];
  const key = fc.oneof(fc.constantFrom(...known), fc.string());
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(key, tie('tree'), { maxKeys: 4 })),
  }));

  it('is accepted or refused with problems in ASCII, never answered by another error', () => {
    fc.assert(fc.property(tree, (rest) => {
      for (const value of [rest, { ...JSON.parse(MINIMAL) as object, hooks: rest, health: rest, strategy: rest, processes: rest, environments: { staging: rest } }]) {
        try {
          parseConfig(JSON.stringify(value), 'f');
        } catch (error) {
          if (!(error instanceof DeployError)) throw error;
          expect(error.parts.problems?.length).toBeGreaterThan(0);
          expect(error.parts.problems?.join('')).toMatch(/^[ -~]+$/);
        }
      }
    }), { numRuns: 500 });
  });

  it('as damaged text is refused, never answered by another error', () => {
    fc.assert(fc.property(fc.nat(MINIMAL.length), fc.string(), (at, noise) => {
      try {
        parseConfig(MINIMAL.slice(0, at) + noise + MINIMAL.slice(at), 'f');
      } catch (error) {
        if (!(error instanceof DeployError)) throw error;
        expect(error.parts.problems?.join('')).toMatch(/^[ -~]+$/);
      }
    }), { numRuns: 500 });
  });
});
