/** Environments of processes are built from scratch: what is not named here is not passed on. */

/** What a program needs to run at all; no credential of the caller is among it. */
const BASE = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'SHELL', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'] as const;

/** The allow-listed part of an environment. */
export function baseEnvironment(from: NodeJS.ProcessEnv): Record<string, string> {
  return pick(from, BASE);
}

/** The named variables that are set. */
export function pick(from: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = from[name];
    return value === undefined ? [] : [[name, value]];
  }));
}
