/** How a process of a release is started: command, folder, and an environment built from scratch. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceRecord } from '../../agent/instance.js';
import type { ShimOrder } from '../../agent/shim.js';
import type { Release } from '../../model/index.js';
import type { ConfigValues } from '../../releases/index.js';
import { baseEnvironment } from '../../shell/environment.js';
import type { ServiceRecord } from './record.js';

export interface ProcessFacts {
  readonly record: Pick<ServiceRecord, 'key' | 'node'>;
  /** Of the release's artifact. */
  readonly folder: string;
  readonly release: Release;
  readonly instance: InstanceRecord;
  readonly config: ConfigValues;
}

export function processOrder({ record, folder, release, instance, config: { values, secrets } }: ProcessFacts): Pick<ShimOrder, 'argv' | 'cwd' | 'env' | 'secrets'> {
  const [file = 'node', ...args] = release.spec.processes[instance.process]?.command ?? [];
  const { service, environment } = record.key;
  return {
    argv: [file === 'node' ? nodeOf(record.node) : file, ...args],
    cwd: join(folder, release.spec.cwd),
    env: {
      ...baseEnvironment(process.env),
      ...values,
      ...(instance.port === 0 ? {} : { PORT: String(instance.port), HOST: '127.0.0.1' }),
      NX_DEPLOY_SERVICE: service,
      NX_DEPLOY_ENVIRONMENT: environment,
      NX_DEPLOY_RELEASE: release.id,
      NX_DEPLOY_INSTANCE: instance.id,
    },
    secrets: Object.fromEntries(secrets.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]))),
  };
}

/** The Node of whoever deployed last, unless it is gone since. */
function nodeOf(path: string): string {
  return existsSync(path) ? path : process.execPath;
}
