/** The checks of deploy.json that a soak or a watch names. */
import { parseDuration, type Ms, type Probe, type ProbeTarget } from '../model/index.js';
import type { Complain } from './artifact-path.js';
import { BOUND, DEFAULT_ERRORS, DEFAULT_FAILURES, DEFAULT_INTERVAL, DEFAULT_TIMEOUT, type ChecksConfig } from './check-schema.js';
import { quoted } from './document.js';
import type { Path } from './document.js';
import { suggest } from './suggest.js';

type Check = ChecksConfig[string];

/** In the order in which they are named; `at` is where the names stand. */
export function probesOf(known: ChecksConfig, names: readonly string[], at: Path, complain: Complain): readonly Probe[] {
  return names.flatMap((name, index) => {
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    if (names.indexOf(name) !== index) complain([...at, index], `must be named once, and ${quoted(name)} is there twice`);
    if (check !== undefined) return [probeOf(name, check)];
    const near = suggest(name, Object.keys(known));
    complain([...at, index], `must be the name of a check under "checks", got ${quoted(name)}${near === undefined ? '' : `; did you mean "${near}"?`}`);
    return [];
  });
}

function probeOf(name: string, check: Check): Probe {
  return {
    name, target: targetOf(check), interval: ms(check.interval ?? DEFAULT_INTERVAL), timeout: ms(check.timeout ?? DEFAULT_TIMEOUT),
    failures: check.failures ?? DEFAULT_FAILURES, errors: check.errors ?? DEFAULT_ERRORS,
  };
}

function targetOf(check: Check): ProbeTarget {
  switch (check.type) {
    case 'http': return { type: 'http', url: check.url, ...(check.status === undefined ? {} : { status: check.status }) };
    case 'tcp': return { type: 'tcp', host: check.host, port: check.port };
    case 'command': return { type: 'command', run: check.run, env: check.env ?? [] };
    case 'prometheus': {
      const [, sign, limit] = BOUND.exec(check.limit) ?? [];
      return { type: 'prometheus', url: check.url, query: check.query, bound: sign === '>' ? 'above' : 'below', limit: Number(limit), ...(check.token === undefined ? {} : { token: check.token }) };
    }
  }
}

function ms(text: string): Ms {
  return parseDuration(text) ?? 0;
}
