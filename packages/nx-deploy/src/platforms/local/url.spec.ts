import { urlOf } from './platform.js';

test.each([
  [{ address: '127.0.0.1', port: 8080 }, 'http://127.0.0.1:8080'],
  [{ address: '0.0.0.0', port: 8080 }, 'http://127.0.0.1:8080'],
  [{ address: '::1', port: 8080 }, 'http://[::1]:8080'],
  [{ address: '127.0.0.1', port: 8080, host: 'api.example.com' }, 'http://api.example.com:8080'],
])('the url of %j is %s', (listen, url) => {
  expect(urlOf(listen)).toBe(url);
});
