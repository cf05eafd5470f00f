import { hostOf } from './engine-host.js';
import { fromPlatformSettings, settingsDrift, urlOf, wantedSettings } from './settings.js';

const listen = { address: '0.0.0.0', port: 443, host: 'api.example.com' };

describe('how the public reaches a service on an engine', () => {
  it('differs by address, port, host, path, certificates, cookie and header, each told by name', () => {
    const now = { listen, steering: {} };
    expect(settingsDrift(undefined, now)).toEqual([]);
    expect(settingsDrift(now, { listen: { address: '0.0.0.0', host: 'api.example.com' }, steering: {} })).toEqual([]);
    expect(settingsDrift(now, { listen: { address: '127.0.0.1', port: 80, path: '/v1', certificates: ['b'.repeat(32), 'a'.repeat(32)] }, steering: { sticky: true, header: 'X-Try' } })).toEqual([
      'listen address 0.0.0.0 becomes 127.0.0.1', 'listen port 443 becomes 80', 'listen host api.example.com becomes any', 'listen path / becomes /v1',
      'certificates none becomes aaaaaaaaaaaa bbbbbbbbbbbb', 'sticky cookie off becomes on', 'header for testers none becomes X-Try',
    ]);
  });

  it('knows a certificate by its content, and shows none of it', () => {
    const pem = ['-----BEGIN', 'PRIVATE KEY-----\nsecret\n'].join(' ');
    const wanted = wantedSettings({ listen: { address: '0.0.0.0', certificates: [pem] } });
    expect(wanted?.listen.certificates).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(JSON.stringify(wanted)).not.toContain('secret');
    expect(wantedSettings({})).toBeUndefined();
  });

  it('is a URL with the engine where it listens everywhere', () => {
    expect(urlOf(listen, '127.0.0.1')).toBe('http://api.example.com:443');
    expect(urlOf({ address: '0.0.0.0', port: 80 }, 'prod.example.com')).toBe('http://prod.example.com:80');
    expect(urlOf({ address: '::', port: 443, path: '/v1', certificates: ['a'] }, '2001:db8::1')).toBe('https://[2001:db8::1]:443/v1');
    expect(urlOf({ address: '10.0.0.1', port: 80 }, 'x')).toBe('http://10.0.0.1:80');
  });

  it.each([
    ['unix:///var/run/docker.sock', '127.0.0.1'], ['npipe:////./pipe/docker_engine', '127.0.0.1'], ['ssh://deploy@prod.example.com:2222', 'prod.example.com'], ['tcp://10.0.0.7:2376', '10.0.0.7'],
    ['tcp://[2001:db8::7]:2376', '2001:db8::7'], ['ssh://', '127.0.0.1'], ['', '127.0.0.1'],
  ])('finds the machine of %s', (endpoint, host) => {
    expect(hostOf(endpoint)).toBe(host);
  });

  it('takes back nothing where nothing was in force', () => {
    expect(fromPlatformSettings({})).toBeUndefined();
    expect(fromPlatformSettings({ listen })).toEqual({ listen, steering: {} });
  });
});
