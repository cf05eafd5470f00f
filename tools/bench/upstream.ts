/** The upstream where nginx is not installed: `upstream.js <port>`. It answers every head with the same bytes, without reading it. */
import { createServer } from 'node:net';
import { ANSWER } from './proxies.js';

const RESPONSE = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${ANSWER.length}\r\n\r\n${ANSWER}`);

createServer((socket) => {
  let rest = '';
  socket.setNoDelay(true).on('error', () => undefined).on('data', (bytes) => {
    const heads = (rest + bytes.toString('latin1')).split('\r\n\r\n');
    rest = heads.pop() ?? '';
    for (const _head of heads) socket.write(RESPONSE);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
