import { formatError } from '../../errors.js';
import { cannotListen, conflict } from './listen-errors.js';

const listen = { address: '0.0.0.0', port: 80 };
const failure = (code: string): Error => Object.assign(new Error('listen'), { code });

it('says what is in the way and what to do', () => {
  expect(formatError(cannotListen(listen, failure('EADDRINUSE'), undefined))).toBe(`error ND-PORT-TAKEN: port 80 is taken
  where: 0.0.0.0:80
  why: another process listens on 0.0.0.0:80
  next: stop it (ss -ltnp 'sport = :80' shows it), or set another listen port`);
  expect(formatError(cannotListen(listen, failure('EADDRINUSE'), { key: 'api', listen: { address: '127.0.0.1', port: 80 }, weights: {}, targets: [] }))).toContain('next: use another port, or the address 127.0.0.1 with a host of its own');
  expect(cannotListen(listen, failure('EACCES'), undefined).parts).toMatchObject({ what: 'port 80 cannot be opened', why: 'this user may not listen on 0.0.0.0:80' });
  expect(cannotListen(listen, 'odd', undefined).parts.why).toBe('listening on 0.0.0.0:80 failed with odd');
  expect(conflict(listen, 'api').parts.what).toBe('0.0.0.0:80 for every host is taken by api');
});
