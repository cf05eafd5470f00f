/** Requests that the suite sends, and the services that it sends them to. */
import { startLoad, type LoadReport } from '../../../../../tools/load/launch.js';
import type { ServiceOrder, ServiceUnderTest } from './harness.js';

export const STEADY: ServiceOrder = { fixture: 'steady', version: '1', instances: 2, strategy: { type: 'rolling', batch: 25 } };
export const RATE = 200;

/** Gives a service that no other test uses. */
export type Fresh = () => Promise<ServiceUnderTest>;

export async function answer(url: string, path = '/version'): Promise<{ readonly status: number; readonly release: string | null; readonly body: string }> {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, release: response.headers.get('x-release'), body: await response.text() };
}

/** Of what takes its time by nature: longer than a batch of instances needs to get ready, and not what a suite waits for at the end of each batch and each load. */
const LASTING = { slowMs: 1_000, events: { count: 10, interval: 100 }, messages: { count: 10, interval: 100 } };

/** Runs the work under load and expects that no request of any kind failed. */
export async function underLoad<T>(service: ServiceUnderTest, work: () => Promise<T>): Promise<{ readonly result: T; readonly report: LoadReport }> {
  const load = await startLoad({ url: await service.url(), rate: RATE, ...LASTING });
  try {
    const result = await work();
    const report = await load.stop();
    if (report.failures > 0) throw new Error(`${report.failures} requests failed: ${JSON.stringify(report, undefined, 2)}`);
    return { result, report };
  } finally {
    await load.stop();
  }
}
