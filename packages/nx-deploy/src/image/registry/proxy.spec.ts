import { isLoopback, proxyFor } from './proxy.js';

describe('the proxy', () => {
  const proxy = 'http://proxy.example:3128';
  const chosen = (address: string, env: NodeJS.ProcessEnv): string | undefined => proxyFor(new URL(address), env)?.href;

  it.each([
    ['https://images.example/', { HTTPS_PROXY: proxy }, true], ['https://images.example/', { https_proxy: proxy }, true], ['https://images.example/', { HTTP_PROXY: proxy }, false],
    ['http://images.example/', { HTTP_PROXY: proxy }, true], ['http://images.example/', { HTTP_PROXY: proxy, REQUEST_METHOD: 'GET' }, false], ['http://images.example/', { HTTPS_PROXY: proxy }, false],
    ['https://images.example/', { HTTPS_PROXY: 'proxy.example:3128' }, true], ['https://images.example/', { HTTPS_PROXY: '' }, false],
    ['https://localhost:5000/', { HTTPS_PROXY: proxy }, false], ['https://127.1.2.3/', { HTTPS_PROXY: proxy }, false], ['https://[::1]/', { HTTPS_PROXY: proxy }, false],
  ])('for %s with %j', (address, env, used) => {
    expect(chosen(address, env)).toBe(used ? `${proxy}/` : undefined);
  });

  it.each([
    ['*', true], ['images.example', true], ['example', true], ['.example', true], ['*.example', true], ['xample', false], ['other.example', false], ['images.example:443', true],
    ['images.example:8443', false], ['a.example, images.example', true], ['10.0.0.0/8', false], ['images.example.evil', false],
  ])('is not used for https://images.example with NO_PROXY=%s: %s', (list, exempt) => {
    expect(chosen('https://images.example/', { HTTPS_PROXY: proxy, NO_PROXY: list })).toBe(exempt ? undefined : `${proxy}/`);
  });

  it.each([['10.1.2.3', '10.0.0.0/8', true], ['11.1.2.3', '10.0.0.0/8', false], ['10.1.2.3', '10.1.2.3', true], ['10.1.2.3', '10.0.0.0/99', false], ['[fd00::5]', 'fd00::/8', true], ['[fd00::5]', '10.0.0.0/8', false], ['1.10.1.2', '10.1.2', false]])(
    'of %s with NO_PROXY=%s is left out: %s', (host, list, exempt) => {
      expect(chosen(`https://${host}/`, { HTTPS_PROXY: proxy, NO_PROXY: list })).toBe(exempt ? undefined : `${proxy}/`);
    });

  it('of another kind is an error that shows no password', () => {
    expect(() => chosen('https://images.example/', { HTTPS_PROXY: 'socks5://me:secret@proxy.example' })).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID', message: expect.not.stringContaining('secret') }));
  });
});

it.each([['http://localhost', true], ['http://a.localhost:1', true], ['http://127.9.9.9', true], ['http://[::1]:5', true], ['http://0x7f.1', true], ['http://127.evil.example', false], ['http://localhost.evil.example', false], ['http://0.0.0.0', false], ['http://128.0.0.1', false]])('%s is loopback: %s', (address, loopback) => {
  expect(isLoopback(new URL(address))).toBe(loopback);
});
