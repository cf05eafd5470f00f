import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { durationText } from '../../duration.js';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { line, period, whole } from '../values.js';

export const fileAge = kind({
  name: 'file-age',
  description: 'A file was written lately: a backup, a heartbeat.',
  shape: {
    path: line('a path', { description: 'The file.', examples: ['/var/backups/db.dump'] }),
    degraded: period(0, { description: 'Degraded when it is older.', examples: ['25h'] }).optional(),
    unhealthy: period(0, { description: 'Unhealthy when it is older.', examples: ['2d'] }),
    least: whole(0, Number.MAX_SAFE_INTEGER, { description: 'Bytes that it must have.' }).prefault(1),
  },
  target: ({ path }) => `age of ${path}`,
  ask: async ({ path, degraded = Infinity, unhealthy, least }, { waitingFor }, { folder }): Promise<Finding> => {
    waitingFor('no answer of the file system');
    const { mtimeMs, size } = await stat(resolve(folder, path));
    // One from the future: a clock was set back, or another machine wrote it.
    const age = Math.max(0, Date.now() - mtimeMs);
    const found = { observed: Math.round(age / 1_000), unit: 's' };
    if (size < least) return { ...found, status: 'unhealthy', reason: `${path} has ${size} bytes, and must have ${least}` };
    const status = age > unhealthy ? 'unhealthy' : age > degraded ? 'degraded' : 'healthy';
    return status === 'healthy' ? { ...found, status } : { ...found, status, reason: `${path} was last written ${durationText(age)} ago` };
  },
});
