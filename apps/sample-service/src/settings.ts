/** The service's configuration, read once at the start. */
import type { Faults } from './faults.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Who answers: set by the platform that started the process. */
export interface Identity {
  readonly service: string;
  readonly release: string;
  readonly instance: string;
  readonly environment: string;
}

export interface Settings {
  readonly host: string;
  /** 0: the system picks a free one. */
  readonly port: number;
  readonly greeting: string;
  readonly logLevel: LogLevel;
  /** Bearer token of GET /stats; undefined switches that endpoint off. */
  readonly apiToken: string | undefined;
  /** ms that requests in flight get to finish after the signal. */
  readonly shutdownTimeout: number;
  readonly faults: Faults;
  readonly identity: Identity;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names every variable that is wrong; never repeats a value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly problems: readonly string[]) {
    super(`invalid environment: ${problems.join('; ')}`);
  }
}

const present = (value: string | undefined): value is string => value !== undefined && value !== '';

/** @throws SettingsError with all problems at once. */
export function readSettings(env: Environment): Settings {
  const problems: string[] = [];
  const whole = (key: string, fallback: number, min: number, max: number): number => {
    const text = env[key];
    if (!present(text)) return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    problems.push(`${key} must be a whole number from ${min} to ${max}`);
    return fallback;
  };
  const text = (key: string, fallback: string): string => {
    const value = env[key];
    return present(value) ? value : fallback;
  };
  const level = text('LOG_LEVEL', 'info');
  const logLevel = LOG_LEVELS.find((known) => known === level);
  if (logLevel === undefined) problems.push(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`);
  const settings: Settings = {
    host: text('HOST', '127.0.0.1'),
    port: whole('PORT', 3000, 0, 65_535),
    greeting: text('GREETING', 'Hello'),
    logLevel: logLevel ?? 'info',
    apiToken: present(env['API_TOKEN']) ? env['API_TOKEN'] : undefined,
    shutdownTimeout: whole('SHUTDOWN_TIMEOUT', 10, 1, 600) * 1000,
    faults: {
      errors: whole('FAULT_ERRORS', 0, 0, 100),
      latency: whole('FAULT_LATENCY', 0, 0, 60_000),
      crashAfter: whole('FAULT_CRASH_AFTER', 0, 0, 86_400) * 1000,
    },
    identity: {
      service: text('NX_DEPLOY_SERVICE', 'sample-service'),
      release: text('NX_DEPLOY_RELEASE', 'unreleased'),
      instance: text('NX_DEPLOY_INSTANCE', `pid-${process.pid}`),
      environment: text('NX_DEPLOY_ENVIRONMENT', 'local'),
    },
  };
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}
