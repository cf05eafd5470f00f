import { parseChallenges } from './challenge.js';

const bearer = (parameters: Record<string, string>): object => ({ scheme: 'bearer', parameters });

describe('WWW-Authenticate', () => {
  it.each<[string | undefined, object[]]>([
    [undefined, []], ['', []], ['Basic', [{ scheme: 'basic', parameters: {} }]],
    ['Basic realm="Registry Realm"', [{ scheme: 'basic', parameters: { realm: 'Registry Realm' } }]],
    ['Bearer realm="https://a.example/token",service="s",scope="repository:a/b:pull,push"', [bearer({ realm: 'https://a.example/token', service: 's', scope: 'repository:a/b:pull,push' })]],
    ['bearer Realm = x , service=y', [bearer({ realm: 'x', service: 'y' })]],
    ['Basic realm="a, b", Bearer realm="c"', [{ scheme: 'basic', parameters: { realm: 'a, b' } }, bearer({ realm: 'c' })]],
    ['Negotiate, Bearer realm="c"', [{ scheme: 'negotiate', parameters: {} }, bearer({ realm: 'c' })]],
    ['Bearer realm="a\\"b\\\\"', [bearer({ realm: 'a"b\\' })]],
    ['Bearer realm="first",realm="second"', [bearer({ realm: 'first' })]],
    ['Bearer realm="no end', [{ scheme: 'bearer', parameters: {} }]],
    ['Bearer __proto__="x",realm="y"', [bearer({ realm: 'y' })]],
    ['realm="x"', []], ['\u00e9', []], ['"', []],
  ])('%j', (header, expected) => {
    expect(parseChallenges(header)).toEqual(expected);
  });

  it('takes no longer for headers that are made to be slow', () => {
    const begun = process.cpuUsage();
    for (const header of [`Bearer ${'a'.repeat(100_000)}`, `Bearer realm="${'\\'.repeat(100_000)}`, `Bearer ${'a='.repeat(50_000)}`, ','.repeat(100_000)]) parseChallenges(header);
    expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(300);
  });
});
