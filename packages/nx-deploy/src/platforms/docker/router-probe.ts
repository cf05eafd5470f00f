/** Looks from beside the router whether instances answer: only there are their addresses known to lead anywhere. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { Ran } from '../../routers/haproxy/index.js';

export interface Probe {
  /** An IPv4 address. */
  readonly host: string;
  readonly port: number;
  /** With a query, where it has one: `/health?full=1`. */
  readonly path: string;
  readonly timeout: Ms;
}

/** What came of `GET`: the status, or why there was none. A redirect is not followed. */
export type ProbeResult = { readonly status: number } | { readonly reason: string };

const ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}$/;
/** RFC 9112 section 3.2: nothing that ends the line. */
const PATH = /^\/[!-~]*$/;

/** Reads lines `<index> <host> <port> <ms> <path>`, asks all at once, and prints `<index> <status>` or `<index> <why>`. `select` tells how much of its time is left. */
const PERL = `
use Socket; use POSIX (); use Errno qw(EINPROGRESS EWOULDBLOCK EINTR);
$| = 1;
sub told { my ($i, $what) = @_; syswrite(STDOUT, "$i $what\\n"); POSIX::_exit(0) }
sub ready { my ($s, $for, $left) = @_; my $bits = ''; vec($bits, fileno($s), 1) = 1;
  my ($n, $rest) = $for eq 'r' ? select($bits, undef, undef, $left) : select(undef, $bits, undef, $left); return ($n > 0, $rest) }
my @lines = <STDIN>; my @children;
for (@lines) { chomp; my ($i, $host, $port, $ms, $path) = split / /, $_, 5; my $pid = fork; defined $pid or next;
  if ($pid) { push @children, $pid; next }
  my $left = $ms / 1000; my $ok;
  socket(my $s, PF_INET, SOCK_STREAM, 0) or told($i, "no socket: $!"); $s->blocking(0);
  unless (connect($s, sockaddr_in($port, inet_aton($host)))) { $!{EINPROGRESS} or told($i, lc "$!");
    ($ok, $left) = ready($s, 'w', $left); $ok or told($i, 'takes no connection in time');
    my $error = unpack('i', getsockopt($s, SOL_SOCKET, SO_ERROR)); if ($error) { $! = $error; told($i, lc "$!") } }
  local $SIG{PIPE} = 'IGNORE';
  syswrite($s, "GET $path HTTP/1.1\\r\\nHost: $host:$port\\r\\nUser-Agent: nx-deploy\\r\\nAccept: */*\\r\\nConnection: close\\r\\n\\r\\n") or told($i, lc "$!");
  my $text = '';
  until ($text =~ /\\n/) { ($ok, $left) = ready($s, 'r', $left); $ok or told($i, 'gives no answer in time');
    my $n = sysread($s, $text, 4096, length $text); if (!defined $n) { next if $!{EWOULDBLOCK} || $!{EINTR}; told($i, lc "$!") } $n or told($i, 'closes the connection without an answer') }
  told($i, $text =~ m{^HTTP/1\\.[01] ([1-5][0-9][0-9])} ? $1 : 'does not answer in HTTP') }
waitpid $_, 0 for @children;
`;

/** The same in a shell, for an image without perl. wget knows whole seconds, and follows redirects: the first status counts. */
const WGET = `
while read -r index host port ms path; do
  (
    said=$(timeout $(((ms + 999) / 1000)) wget -S -q -O /dev/null "http://$host:$port$path" 2>&1)
    status=$(printf '%s' "$said" | sed -n 's/^.*HTTP\\/1\\.[01] \\([1-5][0-9][0-9]\\).*$/\\1/p' | head -n 1)
    [ -n "$status" ] || status=$(printf '%s' "$said" | sed -n 's/^wget: *//p' | head -n 1)
    printf '%s %s\\n' "$index" "\${status:-gives no answer in time}"
  ) </dev/null &
done
wait
`;

const SCRIPT = 'if command -v perl >/dev/null 2>&1; then exec perl -e "$1"; else eval "$2"; fi';

/** `run` runs a program beside the router. One result for each probe, in their order. */
export async function probeAll(run: (argv: readonly string[], input: string) => Promise<Ran>, probes: readonly Probe[], program: 'any' | 'wget' = 'any'): Promise<readonly ProbeResult[]> {
  if (probes.length === 0) return [];
  const lines = probes.map(({ host, port, path, timeout }, index) => {
    if (!ADDRESS.test(host) || !PATH.test(path)) throw new DeployError('ND-INTERNAL', { what: 'an instance cannot be checked', where: `http://${host}:${port}${path}`, why: 'its address or path has no valid form' });
    return `${index} ${host} ${port} ${Math.max(1, Math.round(timeout))} ${path}\n`;
  });
  const { output, complaints } = await run(program === 'wget' ? ['sh', '-c', WGET] : ['sh', '-c', SCRIPT, 'nx-deploy-probe', PERL, WGET], lines.join(''));
  const said = new Map(output.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]));
  return probes.map((_, index) => {
    const text = said.get(String(index)) ?? (complaints.trim().split('\n').at(-1) || 'nothing was told of it');
    return /^[1-5]\d\d$/.test(text) ? { status: Number(text) } : { reason: text };
  });
}
