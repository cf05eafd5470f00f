/** Requests for changes of a service in tests of the engine. */
import type { Change, ChangeRequest } from './request.js';

let runs = 0;

export function request(change: ChangeRequest['change'], rest: Partial<ChangeRequest> = {}): ChangeRequest {
  runs += 1;
  return {
    run: `run-${runs}`, actor: { user: 'ann', host: 'here', pid: 1 }, service: 'api', environment: 'staging', change,
    strategy: { type: 'rolling', batch: 50 }, hooks: { before: [], after: [] }, deadline: 20_000, keep: 5, dryRun: false, ...rest,
  };
}

export function build(version: string): Change {
  return {
    action: 'deploy', processes: { web: { fixed: 2 } },
    deployable: {
      artifact: { type: 'files', digest: `sha256:${version}`, files: 1, bytes: 10 }, config: { values: { VERSION: version }, secrets: [] },
      manifest: { version, commit: 'c'.repeat(40) },
      spec: {
        processes: { web: { command: ['node', 'main.js'] } }, cwd: '.', port: 0, health: { path: '/', timeout: 2_000, interval: 10, passes: 1 },
        drain: 10, stopTimeout: 10, limits: {},
      },
    },
  };
}
