/** Certificates of one's own, made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Identity {
  readonly key: string;
  readonly cert: string;
  /** File of the certificate. */
  readonly file: string;
}

/** For localhost and 127.0.0.1, signed by itself. `days`: how long it is good for; below 0 it ended so long ago. */
export function identity(folder: string, days: number, name = 'localhost'): Identity {
  const at = (file: string): string => join(folder, `${name}${days}.${file}`);
  const openssl = (...words: string[]): void => { execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }); };
  openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${name}`, '-keyout', at('key'), '-out', at('csr'));
  writeFileSync(at('db'), '');
  writeFileSync(at('serial'), '01\n');
  writeFileSync(at('cnf'), [
    '[ca]', 'default_ca=own', '[own]', `database=${at('db')}`, `serial=${at('serial')}`, `new_certs_dir=${folder}`, 'default_md=sha256', 'policy=any', 'x509_extensions=names', '[any]', 'commonName=supplied',
    '[names]', `subjectAltName=DNS:${name}${name === 'localhost' ? ',IP:127.0.0.1' : ''}`, '',
  ].join('\n'));
  const date = (ms: number): string => `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  openssl('ca', '-batch', '-notext', '-selfsign', '-config', at('cnf'), '-keyfile', at('key'), '-in', at('csr'), '-out', at('crt'), '-startdate', date(Date.now() - 400 * 86_400_000), '-enddate', date(Date.now() + days * 86_400_000));
  return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('crt'), 'utf8'), file: at('crt') };
}
