/** What every platform must do, against the real thing and under load. A platform's spec calls {@link describePlatform} with its harness. */
import { describeDeploys } from './deploys.js';
import { describeFailures } from './failures.js';
import { CONTRACT_PARTS, type ContractPart, type Harness, type ServiceUnderTest, type Subject } from './harness.js';
import { describeIsolation } from './isolation.js';
import { describeReleases } from './releases.js';
import { describeSideBySide } from './side-by-side.js';

const LIMITS = { unchanged: 1_000, warm: 500 };

export function describePlatform(subject: Subject): void {
  const limits = subject.limits ?? LIMITS;
  describe(`platform ${subject.name}`, () => {
    let harness: Harness;
    let count = 0;
    /** A service that no other test uses. */
    const used: ServiceUnderTest[] = [];
    const fresh = async (): Promise<ServiceUnderTest> => {
      count += 1;
      const service = await harness.service('contract', `service-${count}`, 'test');
      used.push(service);
      return service;
    };
    // What a test leaves running would take the time of those that follow.
    afterEach(async () => {
      await Promise.all(used.splice(0).map(async ({ platform }) => {
        await Promise.all(Object.keys(await platform.list()).map((id) => platform.scale(id, { web: { fixed: 0 } })));
      }));
    });
    beforeAll(async () => {
      const missing = await subject.missing();
      if (missing !== undefined) throw new Error(`platform ${subject.name} cannot be tested here: ${missing}`);
      harness = await subject.open();
    });
    afterAll(() => harness.close());

    const parts: Readonly<Record<ContractPart, () => void>> = {
      deploys: () => describeDeploys(fresh, limits), failures: () => describeFailures(fresh), releases: () => describeReleases(fresh),
      sideBySide: () => describeSideBySide(fresh, limits), isolation: () => describeIsolation(() => harness),
    };
    for (const part of subject.parts ?? CONTRACT_PARTS) parts[part]();
  });
}
