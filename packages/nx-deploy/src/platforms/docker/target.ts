/** One service in one environment on one engine: what a command has to say to reach it, and what it gets. */
import type { ImageRef } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { HaproxyListen } from '../../routers/haproxy/index.js';
import type { Closure } from '../../routers/router.js';
import type { InstanceStatus, Platform, Upkeep } from '../platform.js';

export interface DockerPlace {
  readonly program: 'docker' | 'podman';
  /** A context of docker, or a connection of podman; undefined: the client's own choice. */
  readonly context?: string;
  readonly router: {
    /** Reference of an image with HAProxy 2.6 or later. */
    readonly image: string;
    /** host: the router has the ports of the engine's machine. published: it has those that its container publishes (Docker Desktop, rootless engines). */
    readonly network: 'host' | 'published';
  };
}

/** Where the public reaches the service. */
export interface DockerListen extends Pick<HaproxyListen, 'address' | 'host' | 'path'> {
  /** Undefined: the one that is in force; there has to be one. */
  readonly port?: number;
  /** PEM texts of certificate, chain and key. */
  readonly certificates?: readonly string[];
}

/** How requests find their release, as deploy.json says it. */
export interface DockerSteering {
  readonly sticky?: boolean;
  /** Name of a request header by which testers choose. */
  readonly header?: string;
}

export interface DockerTarget {
  readonly key: ServiceKey;
  /** Checked against the owner that first deployed the service. */
  readonly owner: string;
  readonly place: DockerPlace;
  /** The command's environment, of which the client gets what it needs. */
  readonly variables: NodeJS.ProcessEnv;
  /** Undefined: what is in force stays. */
  readonly listen?: DockerListen;
  readonly steering?: DockerSteering;
  readonly source?: ImageSource;
  /** Told at once what was put right on the engine before a change: the router was started again, say. */
  readonly onNote?: (text: string) => void;
}

/** Where an image comes from that no registry has. */
export interface ImageSource {
  /** Writes the archive that `docker load` takes, with this name for the image. */
  write(image: ImageRef, tag: string, sink: (chunk: Uint8Array) => Promise<void>): Promise<void>;
}

export interface DockerSession {
  readonly platform: Platform & Upkeep & Required<Pick<Platform, 'metrics' | 'settings'>>;
  instances(): Promise<readonly InstanceStatus[]>;
  /** What a status has to tell beside the fleet: that the router does not run, say. */
  notes(): Promise<readonly string[]>;
  /** Closes the service to its public, or opens it again: in force at once, and needs no lock. Rejects with ND-NOT-DEPLOYED when it has no address. */
  closePublic(closing: Closing | undefined): Promise<{ readonly url: string; readonly before?: Closing }>;
  /** What closes it now. */
  closing(): Promise<Closing | undefined>;
  close(): Promise<void>;
}

/** What the public gets instead of the service: since when (ISO time), and by whom. */
export interface Closing {
  readonly closure: Closure;
  readonly since: string;
  readonly by: string;
}
