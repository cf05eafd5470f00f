/** Labels by which nx-deploy knows its own containers on an engine. Whatever lacks them is somebody else's, and is never touched. */
import { keyName, type ServiceKey } from '../../releases/index.js';

/** Reverse-DNS names, as Docker asks of labels that are not a user's own. */
export const LABELS = {
  role: 'io.nx-deploy.role', workspace: 'io.nx-deploy.workspace', environment: 'io.nx-deploy.environment', service: 'io.nx-deploy.service',
  release: 'io.nx-deploy.release', process: 'io.nx-deploy.process', slot: 'io.nx-deploy.slot', port: 'io.nx-deploy.port', address: 'io.nx-deploy.address',
} as const;

export type Role = 'keeper' | 'instance' | 'once' | 'router' | 'state' | 'network';

/** One for each engine; every service on it goes through it. */
export const ROUTER_CONTAINER = 'nx-deploy-router';

/** One for each engine, beside which the state of every service on it is read and written, and locked. */
export const KEEPER_CONTAINER = 'nx-deploy-keeper';

/** One for each engine, with the state of every service on it. */
export const STATE_VOLUME = 'nx-deploy-state';

/** `--label` of what belongs to no single service. */
export function roleArgument(role: Role): string {
  return `--label=${LABELS.role}=${role}`;
}

/** `--label` for each: who it is of, and what for. */
export function labelArguments(key: ServiceKey, role: Role, more: Readonly<Partial<Record<keyof typeof LABELS, string>>> = {}): readonly string[] {
  const all = { role, workspace: key.workspace, environment: key.environment, service: key.service, ...more };
  return Object.entries(all).map(([name, value]) => `--label=${LABELS[name as keyof typeof LABELS]}=${value}`);
}

/** Of containers that are of this service, and for this. */
export function serviceLabels(key: ServiceKey, role: Role): readonly string[] {
  return Object.entries({ role, workspace: key.workspace, environment: key.environment, service: key.service }).map(([name, value]) => `${LABELS[name as keyof typeof LABELS]}=${value}`);
}

/** The same for the same service on every machine; other workspaces, environments and services have others. */
export function containerName(key: ServiceKey, role: Role): string {
  return `nx-deploy-${role}-${keyName(key)}`;
}
