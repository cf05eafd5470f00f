/** The embedded router in a process of its own: `router-alone.js <port> <port of the upstream>`. It ends by SIGTERM. */
import { createEmbeddedRouter } from 'nx-deploy/dist/routers/embedded/index.js';

async function main(): Promise<void> {
  const [port = 0, upstream = 0] = process.argv.slice(2).map(Number);
  const router = createEmbeddedRouter();
  await router.set({
    key: 'bench', listen: { address: '127.0.0.1', port }, weights: { r1: 100 }, targets: [{ id: 'web.1', release: 'r1', host: '127.0.0.1', port: upstream }],
  });
  process.once('SIGTERM', () => process.exit(0));
}

void main();
