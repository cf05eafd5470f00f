import type { ReleaseId } from '../model/index.js';

/** One instance, as `status` shows it. */
export interface InstanceStatus {
  /** `web.1`, say. */
  readonly id: string;
  readonly release: ReleaseId;
  readonly state: string;
  readonly reason: string;
  readonly port: number;
  readonly pid?: number;
  readonly crashes: number;
}
