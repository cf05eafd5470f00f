import { availableParallelism, loadavg, totalmem } from 'node:os';

/** The machine in general terms, and how busy it was before: figures of a shared machine are to be read with care. */
export function machine(): string {
  return `${process.platform} ${process.arch}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}; load before: ${(loadavg()[0] ?? 0).toFixed(2)}`;
}
