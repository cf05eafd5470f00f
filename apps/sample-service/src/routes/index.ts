import { digest } from './digest.js';
import { events } from './events.js';
import { greeting } from './greeting.js';
import type { Routes } from './route.js';
import { slow } from './slow.js';
import { stats } from './stats.js';
import { version } from './version.js';

export const routes: Routes = {
  '/': { GET: greeting },
  '/version': { GET: version },
  '/slow': { GET: slow },
  '/digest': { POST: digest },
  '/events': { GET: events },
  '/stats': { GET: stats },
};
