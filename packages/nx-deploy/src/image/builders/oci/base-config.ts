/** The configuration of a base image comes from outside: what is taken over from it is checked first. */
import { DeployError } from '../../../errors.js';
import type { ImageConfig } from '../../oci.js';

type Settings = NonNullable<ImageConfig['config']>;
type History = NonNullable<ImageConfig['history']>;

/** Of `config` only what an image of ours takes over. */
export interface BaseConfig extends ImageConfig {
  readonly config: Pick<Settings, 'Env' | 'Labels' | 'Volumes'>;
}

/** Leaves out what is null, as Docker writes it, and everything that is not taken over. @throws DeployError ND-IMAGE-INVALID with every field that is of another shape. */
export function checkedConfig({ os, architecture, variant, rootfs, history, config }: ImageConfig, where: string): BaseConfig {
  const problems: string[] = [];
  const checked = <T>(value: unknown, [name, what]: readonly [string, string], fits: (value: unknown) => value is T): T | undefined => {
    if (value === undefined || value === null) return undefined;
    if (fits(value)) return value;
    problems.push(`${name}: must be ${what}`);
    return undefined;
  };
  const settings = checked(config, ['config', 'an object'], isObject) ?? {};
  const env = checked(settings['Env'], ['config.Env', 'a list of NAME=value'], isEnv);
  const labels = checked(settings['Labels'], ['config.Labels', 'texts by name'], isTexts);
  const volumes = checked(settings['Volumes'], ['config.Volumes', 'objects by path'], isObjects);
  const lines = checked(history, ['history', 'a list of objects'], isHistory);
  if (problems.length > 0) throw new DeployError('ND-IMAGE-INVALID', { what: 'the configuration of the base image is not valid', where, problems, next: 'name another base image, or push that one again with a current tool' });
  return {
    os, architecture, ...(variant === undefined || variant === '' ? {} : { variant }), rootfs: { type: 'layers', diff_ids: rootfs.diff_ids }, ...(lines === undefined ? {} : { history: lines }),
    config: { ...(env === undefined ? {} : { Env: env }), ...(labels === undefined ? {} : { Labels: labels }), ...(volumes === undefined ? {} : { Volumes: volumes }) },
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEnv(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((pair) => typeof pair === 'string' && pair.indexOf('=') > 0 && !pair.includes('\0'));
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isObjects(value: unknown): value is Readonly<Record<string, object>> {
  return isObject(value) && Object.values(value).every(isObject);
}

function isHistory(value: unknown): value is History {
  return Array.isArray(value) && value.every(isObject);
}
