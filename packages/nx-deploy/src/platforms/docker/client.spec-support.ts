/** A client of an engine that answers as a spec says, and notes what it was asked. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineClient } from '../../shell/engine/index.js';
import { KEEPER_CONTAINER, LABELS } from './labels.js';

export interface ClientStandIn {
  readonly client: EngineClient;
  /** Folder that the program may use as `$NOTES`. */
  readonly notes: string;
  /** The arguments of each call, in order, each in one line. */
  asked(): readonly string[];
}

/**
 * `answers`: cases of a shell's `case "$*" in`, such as `'volume inspect x') echo '[{}]' ;;`. Whatever fits none is refused. podman's client is asked by its commands alone.
 * @param folder of the spec's own
 */
export function clientThatSays(folder: string, answers: string, program: 'docker' | 'podman' = 'podman'): ClientStandIn {
  const notes = mkdtempSync(join(folder, 'client-'));
  const bin = join(notes, 'bin');
  const calls = join(notes, 'calls');
  mkdirSync(bin);
  // Each line in one write: several calls may come at once.
  writeFileSync(join(bin, program), `#!/bin/sh
NOTES='${notes}'
line=$(printf '%s' "$*" | tr '\\n' ' ')
printf '%s\\n' "$line" >> "$NOTES/calls"
case "$*" in
${answers}
*) echo "Error: not expected: $*" >&2; exit 64 ;;
esac
`);
  chmodSync(join(bin, program), 0o755);
  return {
    client: new EngineClient({ program, variables: { PATH: `${bin}:/usr/bin:/bin`, HOME: notes } }), notes,
    asked: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
  };
}

/** Answers of an engine whose containers are only those that keep state: their program runs on this machine, on a folder. @param folder of the spec's own */
export function keptIn(folder: string): string {
  const own = mkdtempSync(join(folder, 'keeper-'));
  const [state, program] = [join(own, 'state'), join(own, 'run')];
  mkdirSync(state);
  writeFileSync(program, `#!/bin/sh\nwhile [ "$1" != nx-deploy-keeper ]; do text="$1"; shift; done\nmkdir -p '${own}/locks'\nexec sh -c "$text" nx-deploy-keeper '${state}' 30 '${own}/locks' "$5" "$6"\n`);
  chmodSync(program, 0o755);
  const container = JSON.stringify([{ Id: 'k', State: { Status: 'running' }, Config: { Labels: { [LABELS.role]: 'keeper' } } }]);
  return `'container inspect ${KEEPER_CONTAINER}') echo '${container}' ;;\n'run --rm --interactive '*|'exec --interactive --user=0:0 k sh '*) exec '${program}' "$@" ;;`;
}
