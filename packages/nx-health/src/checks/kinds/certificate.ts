import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { expiry, tlsOptions } from '../../http/exchange.js';
import { opened } from '../../tcp.js';
import { expiryLimits, judgeExpiry } from '../expiry.js';
import { kind } from '../kind.js';
import { authorities, tlsShape } from '../tls.js';
import { host, port } from '../values.js';

export const certificate = kind({
  name: 'certificate',
  description: 'A server of TLS has a certificate that is trusted, bears its name, and is good for a while.',
  shape: {
    host: host({ description: 'Host name or address.', examples: ['shop.example.com'] }),
    port: port({ description: 'Port.' }).prefault(443),
    servername: host({ description: 'Name that is asked for and that the certificate must bear; default: the host.' }).optional(),
    ...tlsShape, ...expiryLimits,
  },
  target: ({ host: name, port: number, servername }) => `certificate of ${name}:${number}${servername === undefined ? '' : ` for ${servername}`}`,
  ask: async ({ host: name, port: number, servername = name, ca, verify, ...limits }, { signal, waitingFor }, { folder }) => {
    waitingFor('no TLS connection');
    const tls = await authorities({ ca, verify }, folder);
    signal.throwIfAborted();
    // A server name is never an address, RFC 6066 section 3.
    const socket = await opened(connect({ host: name, port: number, ...(isIP(servername) === 0 ? { servername } : {}), ...tlsOptions(tls) }), 'secureConnect', signal);
    const validTo = expiry(socket);
    return validTo === undefined || Number.isNaN(validTo) ? { status: 'unhealthy', reason: 'the server showed no certificate' } : judgeExpiry(validTo, limits);
  },
});
