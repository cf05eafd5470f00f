/** What runs beside HAProxy, by a POSIX shell: texts that never change, and arguments. Needs sh, sed, flock, and socat or perl, all of which the official image has. */

import { STRUCTURE } from './render.js';
import { MAP, MAP_LINE } from './testers.js';

/** Ends the answer of each command. */
export const MARK = '#--nx-deploy--';
export const FILE = 'haproxy.cfg';
/** How long what no route names is kept. */
const KEEP_MINUTES = 60;

/** How a script ended. */
export const EXIT = { done: 0, changed: 10, refused: 11, notLoaded: 12, busy: 13, silent: 14, unfit: 15 } as const;

/**
 * One connection per command, as HAProxy's socket wants it; answers go to standard output, each with a {@link MARK} behind it. While the master loads a
 * file it has no socket for a moment: it is asked again for five seconds.
 */
const TALK = `
talk() {
  if command -v socat >/dev/null 2>&1; then
    while IFS= read -r line; do
      tries=0
      until printf '%s\\n' "$line" | socat -t 30 - UNIX-CONNECT:master.sock 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 100 ] || return 14; sleep 0.05; done
      printf '\\n${MARK}\\n'
    done
  elif command -v perl >/dev/null 2>&1; then
    perl -MSocket -e 'while (my $line = <STDIN>) { my $s; my $found;
      for (1..100) { socket($s, PF_UNIX, SOCK_STREAM, 0) or exit 14; $found = connect($s, sockaddr_un("master.sock")) and last; select(undef, undef, undef, 0.05) }
      $found or exit 14; syswrite($s, $line) or exit 14; shutdown($s, 1); while (my $part = <$s>) { print $part } print "\\n${MARK}\\n" }' || return 14
  else echo 'the image has neither socat nor perl' >&2; return 15; fi
}
`;

/** The map that a file of the configuration holds. HAProxy refuses one that names a map that is not there. */
const MAPPED = `
mapped() { sed -n 's/^${MAP_LINE}//p' "$1" > map.new && mv map.new ${MAP}; }
`;

const LOCKED = `
cd "$1" || exit 15
command -v flock >/dev/null 2>&1 || { echo 'the image has no flock' >&2; exit 15; }
exec 9>lock || exit 15
flock -w 60 9 || exit 13
`;

/** $1 folder. Standard input: commands for HAProxy. Prints the file, then the answers. */
const READ = `${TALK}${LOCKED}
cat ${FILE} || exit 15
printf '\\n${MARK}\\n'
talk
`;

/**
 * $1 folder, $2 the first line that the file must have, $3 `run` or `load`, $4 the new file's structure. Standard input: the new file, the mark, then commands for HAProxy. Nothing is
 * changed unless the file is as expected and HAProxy finds the new one valid. `load`: HAProxy takes the whole file; when it cannot, it keeps the old one.
 * A reload that a killed command began has ended by the time the master answers.
 */
const REPLACE = `${TALK}${MAPPED}${LOCKED}
trap 'rm -f next commands' EXIT
IFS= read -r first < ${FILE} || exit 15
[ "$first" = "$2" ] || exit 10
cat > commands || exit 15
sed '/^${MARK}$/,$d' commands > next && sed -i '1,/^${MARK}$/d' commands || exit 15
mapped next || exit 15
haproxy -c -f next >&2 || { mapped ${FILE}; exit 11; }
master() { printf 'show proc\\n' | talk 2>/dev/null | sed -n 's/^\\([0-9][0-9]*\\)  *master  *\\([0-9][0-9]*\\).*failed: *\\([0-9][0-9]*\\).*/\\1 \\2 \\3/p'; }
set -- "$1" "$2" "$3" "$4" $(master)
[ $# -eq 7 ] || { mapped ${FILE}; exit 14; }
back() { mv before ${FILE}; mapped ${FILE}; }
cp ${FILE} before && mv next ${FILE} || exit 15
if [ "$3" = run ]; then talk < commands; exit; fi
# What was stored a moment ago may be named by the next change.
prune() { find certs . -maxdepth 1 -type f '(' -name '*.pem' -o -name '*.lua' ')' -mmin +${KEEP_MINUTES} 2>/dev/null | while IFS= read -r file; do grep -qF "\${file#./}" ${FILE} || rm -f "$file"; done; }
# Not by a signal: the master may be in another container than this shell.
printf 'reload\\n' | talk >/dev/null || { back; exit 14; }
looks=0
while [ $looks -lt 600 ]; do
  looks=$((looks + 1))
  now=$(master)
  case "$now" in
    "$5 $6 "*|'') ;;
    *' 0') printf '@1 show env ${STRUCTURE}\\n' | talk 2>/dev/null | grep -q "^${STRUCTURE}=$4" && { prune; exit 0; } ;;
    *) back; exit 12 ;;
  esac
  sleep 0.05
done
back
exit 14
`;

/** $1 folder, $2 name of the file in it. Standard input: its bytes. */
const STORE = `
umask 077
mkdir -p "$1/certs" && cd "$1" || exit 15
cat > "certs/.$$" && mv "certs/.$$" "$2" || exit 15
`;

/** $1 folder. Prints the names of all that is stored. */
const STORED = 'cd "$1" 2>/dev/null || exit 0; for file in certs/*.pem *.lua; do [ -f "$file" ] && printf "%s\\n" "$file"; done; exit 0';

/** $1 folder, $2 `again` when it replaces what is there. Standard input: the file, for a HAProxy that does not run. */
const PREPARE = `${MAPPED}
umask 077
mkdir -p "$1" && cd "$1" || exit 15
[ -f ${FILE} ] && [ "$2" != again ] && exit 0
cat > first && mapped first && mv first ${FILE} || exit 15
`;

/** $1 folder. Prints the file, whether HAProxy runs or not; ends as `changed` where there is none. */
const FILED = `[ -f "$1/${FILE}" ] || exit 10; cat "$1/${FILE}" || exit 15`;

/** $1 folder, $2 a variable's name. Prints what it is in the worker that serves; takes no lock. */
const VARIABLE = `${TALK}
cd "$1" || exit 15
printf '@1 show env %s\\n' "$2" | talk
`;

const SCRIPTS = { read: READ, replace: REPLACE, store: STORE, stored: STORED, prepare: PREPARE, filed: FILED, variable: VARIABLE };

export function script(name: keyof typeof SCRIPTS, folder: string, ...args: readonly string[]): readonly string[] {
  return ['sh', '-c', SCRIPTS[name], `nx-deploy-${name}`, folder, ...args];
}

/**
 * The program that a router's container, or its process, runs. The file has to be there first. `takesOver`: it takes the open sockets of the HAProxy that
 * runs in the same folder, which is to be told to end (USR1) when this one answers; where none runs it opens its own.
 */
export function haproxyCommand(folder: string, { takesOver = false } = {}): readonly string[] {
  return ['haproxy', '-W', '-db', '-S', `${folder}/master.sock,mode,600`, '-f', `${folder}/${FILE}`, ...(takesOver ? ['-x', `${folder}/admin.sock`] : [])];
}
