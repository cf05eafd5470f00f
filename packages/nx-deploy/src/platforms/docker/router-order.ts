/** What whoever needs the router of an engine says, and hears of it. */
import type { HaproxyRoute } from '../../routers/haproxy/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import type { RouterMode } from './router-arguments.js';

export interface RouterContainerOptions {
  readonly client: EngineClient;
  /** Reference of an image with HAProxy 2.6 or later, and what {@link HaproxyRouter} needs beside it. */
  readonly image: string;
  readonly network: RouterMode;
}

/** All routes of the engine, as its state has them. */
export type Restore = () => Promise<readonly HaproxyRoute[]>;

export interface RouterLook {
  readonly state: 'running' | 'stopped' | 'absent';
  /** A container of the router's name that nx-deploy did not make. */
  readonly foreign?: true;
  /** The image that it was made from. */
  readonly image?: string;
}
