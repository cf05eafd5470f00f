/**
 * What keeps the state of services on an engine: a program of a POSIX shell that serves file operations below one folder, one question at a time, for as long as somebody
 * holds its standard input and is heard. It needs no more than what busybox and Debian's essential packages have.
 *
 * A question is a line of {@link HEADER} bytes, `operation bytes path other` padded with spaces, and then so many bytes of content. An answer is a line `word bytes`, and then
 * so many bytes. Contents are counted, never quoted. Paths are checked by whoever asks: see keeper.ts.
 *
 * It can hold a lock for as long as it lives: flock(2) on a file, so that the lock is free when the last process that could still write is gone. Who holds it stands in the file, behind
 * the id of the process that does.
 */

/** Of the line of a question, with its line feed. */
export const HEADER = 320;

/** Up to so many bytes a pipe holds by itself: whoever is to take them cannot stop the program half way through. */
const AT_ONCE = 32 * 1024;

/**
 * $1 the folder, $2 seconds without a question after which it ends, $3 the folder of locks, $4 the lock to take, and $5 what is told of its holder.
 *
 * - A lock that is held by a process that is no longer there is held by what that has left behind: it is waited for. An empty file names nobody: the lock is just being taken.
 *   Whoever gives it back does so for all that it has started, as busybox's `timeout` lives on for a second.
 * - Whoever stops half way, as a machine does that goes to sleep, is waited for no longer than whoever asks nothing: that is what `timeout` is for.
 * - A shell whose `read` knows no time limit (dash) leaves the waiting to programs. Where it knows one (busybox, bash) that saves two processes for each question. busybox's
 *   `timeout` leaves one behind for a second besides, which must not have the output (4) open.
 * - `dd` reads exactly the bytes of a content, all of them even where the disk is full, says whether all came, and brings them to the disk, in one process.
 *   8: nothing of the content was read yet. 9: it was not all there, whoever asked is gone. 7: it failed, and what it said tells why.
 * - A file that is read is opened once, so that length and content are those of one file whatever is renamed to its name meanwhile.
 * - `sync` brings a folder to the disk; an old one, which knows no operands, brings everything there.
 */
export const KEEPER = `
LC_ALL=C; export LC_ALL
umask 077
limit=$2
for program in timeout dd wc mv ln rm mkdir sync; do
  command -v "$program" >/dev/null 2>&1 || { printf 'unfit %s\\n' "$program"; exit 15; }
done
cd "$1" 2>/dev/null || { printf 'absent\\n'; exit 15; }
locks=$3 lock=''
if [ -n "$4" ]; then
  command -v flock >/dev/null 2>&1 || { printf 'unfit flock\\n'; exit 15; }
  lock=$locks/$4 tries=0
  exec 9>>"$lock" || exit 15
  until flock -n 9; do
    said=$(cat "$lock")
    if [ -d "/proc/\${said%% *}/fd" ] || [ $tries -ge 50 ]; then printf 'held %s\\n' "\${said#* }"; exit 16; fi
    tries=$((tries + 1))
    sleep 0.1
  done
  printf '%s %s\\n' $$ "$5" >"$lock" || exit 15
fi
exec 4>&1
if (read -r -t 1 any </dev/null) 2>/dev/null || [ $? -eq 1 ]; then
  question() { IFS= read -r -t "$limit" asked; }
else
  question() { asked=$(timeout "$limit" dd ibs=1 obs=${HEADER} count=${HEADER} 2>/dev/null 9>&-); }
fi
timed() { timeout "$limit" "$@"; }
giving() { if [ "$bytes" -gt ${AT_ONCE} ]; then timed "$@"; else "$@"; fi; }
answer() { printf '%s %s\\n%s' "$1" "\${#2}" "$2"; }
place() {
  case $path in */*) folder=\${path%/*} ;; *) folder=. ;; esac
  [ -d "$folder" ] || mkdir -p "$folder"
}
take() {
  [ "$bytes" -gt 0 ] || return 0
  records=$(timed dd bs="$bytes" count=1 iflag=fullblock conv=fsync 2>&1 >>"$1" 4>&-)
  code=$?
  case $records in
  *'1+0 records in'*) [ $code -eq 0 ] && return 0; printf '%s\\n' "$records"; return 7 ;;
  *) return 9 ;;
  esac
}
cut() { dd if=/dev/null of="$path" bs=1 seek="$1" count=0 conv=fsync 2>/dev/null; }
work() {
  case $operation in
  beat) ;;
  write|create)
    place && true >"$other" || return 8
    take "$other" || { code=$?; rm -f "$other"; return $code; }
    if [ $operation = write ]; then
      if [ -d "$path" ]; then rm -f "$other"; echo 'Is a directory'; return 7; fi
      mv -f "$other" "$path" || { rm -f "$other"; return 7; }
    else
      if [ -e "$path" ] || [ -L "$path" ] || ! said=$(ln "$other" "$path" 2>&1); then
        rm -f "$other"
        if [ -e "$path" ] || [ -L "$path" ]; then return 4; fi
        printf '%s\\n' "$said"
        return 7
      fi
      rm -f "$other"
    fi
    sync "$folder" || return 7 ;;
  append)
    place && true >>"$path" && size=$(wc -c <"$path") || return 8
    take "$path" && { sync "$folder" || return 7; } && return 0
    code=$?
    cut $size
    return $code ;;
  truncate)
    [ -f "$path" ] || { echo 'No such file'; return 7; }
    dd if=/dev/null of="$path" bs=1 seek="$other" count=0 conv=fsync 2>&1 || return 7 ;;
  remove) rm -f "$path" || return 7 ;;
  tree) rm -rf "$path" || return 7 ;;
  aside)
    place && mv -f "$path" "$other" && sync "$folder" || return 7 ;;
  *) echo "no such operation: $operation"; return 7 ;;
  esac
}
give() {
  given=1
  bytes=$(wc -c </proc/self/fd/3) && bytes=$((bytes)) || return 9
  printf 'ok %s\\n' "$bytes"
  [ "$bytes" -gt 0 ] || { printf 'whole\\n'; return 0; }
  records=$( { giving dd bs="$bytes" count=1 iflag=fullblock conv=sync 2>&1 >&4 4>&-; } <&3 )
  case $records in
  *'1+0 records in'*'1+0 records out'*) printf 'whole\\n' ;;
  *'0+1 records in'*'1+0 records out'*) printf 'shorter\\n' ;;
  *) return 9 ;;
  esac
}
missing() {
  said=$( { true <"$1"; } 2>&1 ) && return 1
  case $said in *'o such file'*|*onexistent*|*'ot a directory'*) return 0 ;; *) return 1 ;; esac
}
list() {
  names=''
  for file in "$path"/*; do
    name=\${file##*/}
    case $name in *[!A-Za-z0-9._-]*) ;; *) names="$names$name
" ;; esac
  done
  answer ok "$names"
}
locked() { [ -f "$locks/$path" ] && ! ( exec 8<"$locks/$path" && flock -n -s 8 ); }
holds() { said=$(cat "$locks/$path" 2>/dev/null) && [ "\${said%% *}" = "$1" ] && locked; }
end() {
  tries=0
  holds "$other" || return 1
  kill -9 "$other" 2>/dev/null
  while holds "$other" && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
  ! holds "$other"
}
release() { [ -z "$lock" ] || { true >"$lock"; flock -u 9; }; }
quit() { release; exit 9; }
printf 'ready\\n'
while question && [ -n "$asked" ]; do
  set -f; set -- $asked; set +f
  [ $# -eq 4 ] || quit
  operation=$1 bytes=$2 path=$3 other=$4
  case $operation in
  read)
    given=''
    if [ -d "$path" ]; then answer no 'Is a directory'; given=1
    elif [ -r "$path" ]; then give 3<"$path" || [ -z "$given" ] || quit
    fi 2>/dev/null
    [ -n "$given" ] || if missing "$path"; then answer none ''; else answer no "\${said:-Permission denied}"; fi ;;
  holder) if locked && said=$(cat "$locks/$path") && [ -n "$said" ]; then answer ok "$said"; else answer none ''; fi ;;
  end) if end; then answer ok ''; else answer none ''; fi ;;
  names)
    if [ -r "$path/." ] && [ -x "$path/." ]; then list
    elif missing "$path/."; then answer none ''
    else answer no "\${said:-Permission denied}"; fi ;;
  *)
    said=$(work 2>&1)
    code=$?
    case $code in
    0) answer ok '' ;;
    4) answer taken '' ;;
    7) answer no "$said" ;;
    8) [ "$bytes" -eq 0 ] || timed dd bs="$bytes" count=1 iflag=fullblock of=/dev/null 2>/dev/null 4>&- || quit
      answer no "$said" ;;
    *) quit ;;
    esac ;;
  esac
done
release
`;
