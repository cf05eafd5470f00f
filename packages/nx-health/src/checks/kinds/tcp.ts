import { connection } from '../../tcp.js';
import { kind } from '../kind.js';
import { host, port } from '../values.js';

export const tcp = kind({
  name: 'tcp',
  description: 'A port accepts a connection.',
  shape: { host: host({ description: 'Host name or address.', examples: ['127.0.0.1'] }), port: port({ description: 'Port.', examples: [5432] }) },
  target: ({ host: name, port: number }) => (name.includes(':') ? `tcp [${name}]:${number}` : `tcp ${name}:${number}`),
  ask: async (settings, asking) => {
    await connection(settings, asking);
    return { status: 'healthy' };
  },
});
