import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { HAPROXY_PROGRAMS } from '../../../../../tools/images/haproxy-image.js';
import { find } from '../../../../../tools/bench/programs.js';
import { inTurn, SEED, SOAK } from '../../../../../tools/testing/sample.js';
import { describePlatform } from '../contract/contract.js';
import { DockerWorld } from './place.spec-support.js';

// Containers take longer than processes.
jest.setTimeout(240_000);

describePlatform({
  name: 'docker',
  ...(SOAK ? {} : { parts: ['deploys', inTurn(['isolation', 'releases', 'failures'] as const, 0, SEED)] as const }),
  limits: { unchanged: 2_000, warm: 3_000 },
  missing: () => Promise.resolve(lackOfEngine() ?? HAPROXY_PROGRAMS.map((name) => (find(name) === undefined ? `not installed: ${name}` : undefined)).find((lack) => lack !== undefined)),
  open: () => DockerWorld.open(),
});
