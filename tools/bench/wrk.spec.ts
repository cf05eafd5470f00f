import { readWrk } from './wrk.js';

const printed = (more = ''): string => `Running 2s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  200.00us   9.00ms   90.00%
    Req/Sec    40.00k     2.00k   44.00k    70.00%
  80123 requests in 2.00s, 9.00MB read
${more}Requests/sec:  40061.52
Transfer/sec:      4.50MB
`;

test('requests, their rate, and nothing that failed', () => {
  expect(readWrk(printed())).toEqual({ rate: 40_061.52, requests: 80_123, failed: 0 });
});

test('broken connections and wrong answers count as failed', () => {
  expect(readWrk(printed('  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n')).failed).toBe(15);
});

test('anything else is no measurement', () => {
  expect(() => readWrk('unable to connect to 127.0.0.1:1\n')).toThrow('unable to connect');
});
