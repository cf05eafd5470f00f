/** Every kind of check. Each is loaded when a check of it is opened. */
import type { CheckKind } from './kind.js';

const KINDS = {
  http: async () => (await import('./kinds/http.js')).http,
  tcp: async () => (await import('./kinds/tcp.js')).tcp,
  dns: async () => (await import('./kinds/dns.js')).dns,
  certificate: async () => (await import('./kinds/certificate.js')).certificate,
  postgres: async () => (await import('./kinds/postgres.js')).postgres,
  redis: async () => (await import('./kinds/redis.js')).redis,
  disk: async () => (await import('./kinds/disk.js')).disk,
  memory: async () => (await import('./kinds/memory.js')).memory,
  load: async () => (await import('./kinds/load.js')).load,
  process: async () => (await import('./kinds/process.js')).process,
  'file-age': async () => (await import('./kinds/file-age.js')).fileAge,
  command: async () => (await import('./kinds/command.js')).command,
  prometheus: async () => (await import('./kinds/prometheus.js')).prometheus,
  composite: async () => (await import('./kinds/composite.js')).composite,
} as const satisfies Readonly<Record<string, () => Promise<CheckKind>>>;

export type KindName = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[];

export function isKind(name: unknown): name is KindName {
  return typeof name === 'string' && Object.hasOwn(KINDS, name);
}

export function loadKind(name: KindName): Promise<CheckKind> {
  return KINDS[name]();
}
