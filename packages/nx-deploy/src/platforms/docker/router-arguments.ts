/** The command lines of the router's container. Pure. */
import { haproxyCommand } from '../../routers/haproxy/index.js';
import { LABELS } from './labels.js';
import { NETWORK } from './network.js';

/** One per engine, and the same for every workspace. */
export const ROUTER = 'nx-deploy-router';
export const ROUTER_VOLUME = 'nx-deploy-router';
export const STATE_VOLUME = 'nx-deploy-state';
/** Where the volumes are in it. */
export const ROUTER_FOLDER = '/router';
export const STATE_FOLDER = '/state';
/** Label with the mode that the container was made for. */
export const MODE_LABEL = 'io.nx-deploy.network';

export type RouterMode = 'host' | 'published';

export interface Publication {
  readonly address: string;
  readonly port: number;
}

const VOLUMES = [`--volume=${ROUTER_VOLUME}:${ROUTER_FOLDER}`, `--volume=${STATE_VOLUME}:${STATE_FOLDER}`] as const;
/** root without its powers, but for ports below 1024. */
const RIGHTS = ['--user=0:0', '--cap-drop=ALL', '--cap-add=NET_BIND_SERVICE', '--security-opt=no-new-privileges', '--read-only'] as const;

export interface RouterStart {
  readonly image: string;
  readonly network: RouterMode;
  /** Of the published mode. */
  readonly ports: readonly Publication[];
}

export function routerArguments({ image, network, ports }: RouterStart): readonly string[] {
  return [
    'run', '--detach', '--pull=never', `--name=${ROUTER}`, `--label=${LABELS.role}=router`, `--label=${MODE_LABEL}=${network}`, '--restart=always',
    // It is to be back at once: with USR1, which the official image asks for, it would take no connection while it waits for those it has.
    '--stop-signal=SIGTERM', '--log-driver=json-file', '--log-opt=max-size=10m', '--pids-limit=256',
    ...(network === 'host' ? ['--network=host'] : [`--network=${NETWORK}`, ...ports.map(publishArgument)]),
    ...RIGHTS, ...VOLUMES, '--entrypoint=', image, ...haproxyCommand(ROUTER_FOLDER),
  ];
}

/** A container that runs one program on the router's volumes and is gone. */
export function besideArguments(image: string, argv: readonly string[]): readonly string[] {
  return ['run', '--rm', '--interactive', '--pull=never', `--label=${LABELS.role}=router-setup`, '--network=none', '--log-driver=none', ...RIGHTS, ...VOLUMES, '--entrypoint=', image, ...argv];
}

export function volumeArguments(volume: string): readonly string[] {
  return ['volume', 'create', `--label=${LABELS.role}=${volume === STATE_VOLUME ? 'state' : 'router'}`, volume];
}

function publishArgument({ address, port }: Publication): string {
  return `--publish=${address.includes(':') ? `[${address}]` : address}:${port}:${port}`;
}
