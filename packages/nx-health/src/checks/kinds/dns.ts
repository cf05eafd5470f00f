import { Resolver } from 'node:dns/promises';
import * as z from 'zod';
import type { Finding } from '../../result.js';
import { kind } from '../kind.js';
import { choice, line } from '../values.js';

const TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT'] as const;

export const dns = kind({
  name: 'dns',
  description: 'A name has records, asked of the servers of the system or of one that is named; files such as /etc/hosts do not count.',
  shape: {
    name: line('a name such as "db.example.com"', { description: 'Name that is looked up.', examples: ['db.example.com'] }),
    type: choice(TYPES, { description: 'Type of the records.' }).prefault('A'),
    server: z.string({ error: 'must be an IP address, with a port if it is not 53' }).regex(/^(?:[\d.]+(?::\d+)?|[0-9a-f:]+|\[[0-9a-f:]+\]:\d+)$/i, { error: 'must be an IP address, with a port if it is not 53' })
      .meta({ description: 'Server that is asked.', examples: ['127.0.0.1:5353'] }).optional(),
    expect: z.array(line('text', { description: 'A record.' }), { error: 'must be a list of records' }).meta({ description: 'Records that must be among those found; MX as "10 mail.example.com", SRV as "0 5 5060 sip.example.com".', examples: [['10.0.0.7']] }).optional(),
  },
  target: ({ name, type, server }) => `dns ${type} ${name}${server === undefined ? '' : ` at ${server}`}`,
  ask: async ({ name, type, server, expect = [] }, { signal, timeoutMs, waitingFor }): Promise<Finding> => {
    waitingFor('no answer of a name server');
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
    if (server !== undefined) resolver.setServers([server]);
    signal.addEventListener('abort', () => { resolver.cancel(); }, { once: true });
    const records = ((await resolver.resolve(name, type)) as readonly unknown[]).map(recordText);
    const missing = expect.filter((wanted) => !records.includes(wanted));
    if (records.length === 0) return { status: 'unhealthy', reason: `${name} has no ${type} records` };
    return missing.length === 0 ? { status: 'healthy', observed: records.length, unit: 'records' } : { status: 'unhealthy', reason: `not among the ${type} records: ${missing.join(', ')}; found: ${records.slice(0, 5).join(', ')}` };
  },
});

/** As zone files write it, RFC 1035 section 5. */
function recordText(record: unknown): string {
  if (Array.isArray(record)) return record.join('');
  if (typeof record !== 'object' || record === null) return String(record);
  // A record of MX, or one of SRV.
  const { priority, exchange, weight, port, name } = record as Readonly<Record<string, string | number>>;
  return (exchange === undefined ? [priority, weight, port, name] : [priority, exchange]).join(' ');
}
