import { readSettings, SettingsError } from './settings.js';

describe('readSettings', () => {
  it('needs nothing to be set', () => {
    expect(readSettings({})).toEqual({
      host: '127.0.0.1', port: 3000, greeting: 'Hello', logLevel: 'info', apiToken: undefined, shutdownTimeout: 10_000,
      faults: { errors: 0, latency: 0, crashAfter: 0 },
      identity: { service: 'sample-service', release: 'unreleased', instance: `pid-${process.pid}`, environment: 'local' },
    });
  });

  it('takes what the platform and the environment files set', () => {
    const settings = readSettings({
      HOST: '0.0.0.0', PORT: '8080', GREETING: 'Moin', LOG_LEVEL: 'warn', API_TOKEN: 'a-token-of-a-test', SHUTDOWN_TIMEOUT: '3',
      FAULT_ERRORS: '30', FAULT_LATENCY: '250', FAULT_CRASH_AFTER: '10',
      NX_DEPLOY_SERVICE: 's', NX_DEPLOY_RELEASE: 'r1', NX_DEPLOY_INSTANCE: 'i1', NX_DEPLOY_ENVIRONMENT: 'staging',
    });
    expect(settings).toEqual({
      host: '0.0.0.0', port: 8080, greeting: 'Moin', logLevel: 'warn', apiToken: 'a-token-of-a-test', shutdownTimeout: 3000,
      faults: { errors: 30, latency: 250, crashAfter: 10_000 },
      identity: { service: 's', release: 'r1', instance: 'i1', environment: 'staging' },
    });
  });

  it('takes an empty value as none', () => {
    expect(readSettings({ PORT: '', GREETING: '', API_TOKEN: '' })).toEqual(readSettings({}));
  });

  it.each(['-1', '65536', '80a', ' 80', '1e3', '99999999999'])('refuses the port %j', (PORT) => {
    expect(() => readSettings({ PORT })).toThrow('PORT must be a whole number from 0 to 65535');
  });

  it('names every problem at once and no value', () => {
    const read = (): unknown => readSettings({ PORT: 'hunter2', LOG_LEVEL: 'hunter2', SHUTDOWN_TIMEOUT: '0' });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/LOG_LEVEL.*PORT.*SHUTDOWN_TIMEOUT/);
    expect(read).not.toThrow(/hunter2/);
  });
});
