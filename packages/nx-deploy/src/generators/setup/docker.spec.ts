import { parseConfig } from '../../config/load.js';
import { newDeployFile, withCopy, withEnvironments, type NewFile, type Placing } from './deploy-file.js';

const source: NewFile['source'] = { readsPort: false, fixedPort: 3000, healthPath: '/up', answeredPath: undefined, variables: [] } as never;
const placing = (own: Partial<Placing> = {}): Placing => ({ platform: 'docker', instances: undefined, strategy: undefined, nextPort: () => 8080, ...own });
const environmentsOf = (text: string): Record<string, object> => parseConfig(text, 'f').config.environments;
const existing = (type: string): string => JSON.stringify({ artifact: { type }, port: 3000, environments: { staging: {} } });

test('on docker a fixed port is no reason to have one instance', () => {
  const text = newDeployFile({ project: 'api', root: 'apps/api', artifact: { type: 'image' }, source, environments: ['live'] }, placing());
  expect(environmentsOf(text)['live']).toEqual({ platform: 'docker', instances: 2, strategy: 'rolling', listen: 8080 });
  expect(environmentsOf(withEnvironments(existing('image'), 'f', ['qa'], placing({ strategy: 'canary' })))['qa']).toMatchObject({ strategy: 'canary' });
});

test.each(['files', 'package'])('an artifact of the type %s is refused on docker, and left alone where nothing is added', (type) => {
  expect(() => withEnvironments(existing(type), 'f', ['qa'], placing())).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID', parts: expect.objectContaining({ where: 'f' }) as object }));
  expect(withEnvironments(existing(type), 'f', ['staging'], placing())).toBe(existing(type));
  expect(() => withCopy(existing(type), 'f', { name: 'qa', from: 'staging' }, { platform: 'docker', instances: undefined, strategy: undefined }, () => 1)).toThrow('it runs images');
});

test('a copy of an environment on docker keeps its engine', () => {
  const text = JSON.stringify({ artifact: { type: 'image' }, port: 3000, environments: { live: { platform: { type: 'docker', context: 'prod' }, listen: { port: 443, certificate: 'a.pem', host: 'a.example' } } } });
  expect(environmentsOf(withCopy(text, 'f', { name: 'qa', from: 'live' }, { platform: undefined, instances: 3, strategy: 'blue-green' }, () => 9000))['qa'])
    .toEqual({ platform: { type: 'docker', context: 'prod' }, instances: 3, strategy: 'blue-green', listen: 9000 });
});
