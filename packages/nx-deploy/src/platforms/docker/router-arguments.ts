/** The command lines of the router's container. Pure. */
import { haproxyCommand } from '../../routers/haproxy/index.js';
import { LABELS, ROUTER_CONTAINER } from './labels.js';
import { NETWORK } from './network.js';

/** One per engine, and the same for every workspace. */
export const ROUTER = ROUTER_CONTAINER;
/** While it takes over. */
export const NEXT_ROUTER = 'nx-deploy-router-next';
export const ROUTER_VOLUME = 'nx-deploy-router';
/** Where it is in the container. */
export const ROUTER_FOLDER = '/router';
/** Label with the mode that the container was made for. */
export const MODE_LABEL = 'io.nx-deploy.network';

export const TOKEN = 'NX_DEPLOY_ROUTER';

export type RouterMode = 'host' | 'published';

export interface Publication {
  readonly address: string;
  readonly port: number;
}

const VOLUME = `--volume=${ROUTER_VOLUME}:${ROUTER_FOLDER}`;
/** root without its powers, but for ports below 1024. */
const RIGHTS = ['--user=0:0', '--cap-drop=ALL', '--cap-add=NET_BIND_SERVICE', '--security-opt=no-new-privileges', '--read-only'] as const;

export interface RouterStart {
  readonly image: string;
  readonly network: RouterMode;
  /** Of the published mode. */
  readonly ports: readonly Publication[];
  /** Variable by which one HAProxy is told from another that answers on the same socket. */
  readonly token: string;
}

/** One that has left its name to another, and finishes what it has. */
export function leavingName(id: string): string {
  return `${ROUTER}-${id.slice(0, 12)}`;
}

/** `name` {@link NEXT_ROUTER}: it takes the open sockets of the one that runs. */
export function routerArguments({ image, network, ports, token }: RouterStart, name: typeof ROUTER | typeof NEXT_ROUTER = ROUTER): readonly string[] {
  return [
    'run', '--detach', '--pull=never', `--name=${name}`, `--label=${LABELS.role}=router`, `--label=${MODE_LABEL}=${network}`, '--restart=always', `--env=${TOKEN}=${token}`,
    // It is to be back at once: with USR1, which the official image asks for, it would take no connection while it waits for those it has.
    '--stop-signal=SIGTERM', '--log-driver=json-file', '--log-opt=max-size=10m', '--pids-limit=256',
    ...(network === 'host' ? ['--network=host'] : [`--network=${NETWORK}`, ...ports.map(publishArgument)]),
    ...RIGHTS, VOLUME, '--entrypoint=', image, ...haproxyCommand(ROUTER_FOLDER, { takesOver: name === NEXT_ROUTER }),
  ];
}

export const CHECK_PROGRAM = ['haproxy', '-c', '-f', `${ROUTER_FOLDER}/haproxy.cfg`] as const;

/** A shell in a container that runs. */
export function execArguments(container: string): readonly string[] {
  return ['exec', '--interactive', container];
}

/** A container that runs one program on the router's volume and is gone; the program follows. */
export function besideArguments(image: string): readonly string[] {
  return ['run', '--rm', '--interactive', '--pull=never', `--label=${LABELS.role}=router-setup`, '--network=none', '--log-driver=none', ...RIGHTS, VOLUME, '--entrypoint=', image];
}

function publishArgument({ address, port }: Publication): string {
  return `--publish=${address.includes(':') ? `[${address}]` : address}:${port}:${port}`;
}
