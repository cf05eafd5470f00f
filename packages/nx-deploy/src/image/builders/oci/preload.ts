/**
 * The program that is loaded into a service before its own in the smoke import. A text, as it runs in a process of its own out of a temporary folder, and no build step can lose it
 * there. It writes lines of JSON: `{error}` for each error that nobody caught, `{passed}` when there is nothing more to find out, and then ends the process.
 */
export interface ReportedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string;
  /** Who asked for the module, the nearest first. */
  readonly requireStack?: readonly string[];
}

/** What the program is told on its standard input, one line of JSON; without it, it ends. Absolute paths. */
export interface Loading {
  /** Where the service runs. */
  readonly folder: string;
  readonly entry: string;
}

export interface PreloadPaths {
  /** What is written to. */
  readonly report: string;
  /** What Node is told to run, for as long as its real entry is not known. */
  readonly link: string;
}

export type Reported = { readonly passed: 'network' | 'loaded' } | { readonly error: ReportedError };

/**
 * Nothing is listened on and nothing is connected to: the first attempt shows that the service has begun its work. What is loaded synchronously after it is still seen, as the end comes
 * when the entry is evaluated, or after a moment when it waits for its connection. Without any attempt the end comes once it is loaded and a while has passed, in which a
 * function that runs on may load more.
 */
export function preloadProgram({ report, link }: PreloadPaths): string {
  return `'use strict';
const { appendFileSync, closeSync, openSync, readSync, realpathSync } = require('node:fs');
const { Server, Socket } = require('node:net');
const { Socket: Datagram } = require('node:dgram');
const dns = require('node:dns');
const { syncBuiltinESMExports } = require('node:module');
const { pathToFileURL } = require('node:url');
const { isMainThread } = require('node:worker_threads');
const { setTimeout, setImmediate } = globalThis;
const { kill, pid, argv } = process;
const say = (line) => appendFileSync(${JSON.stringify(report)}, JSON.stringify(line) + '\\n');
const pass = (passed) => { say({ passed }); kill.call(process, pid, 'SIGKILL'); };
let evaluated = false;
let network = false;
let reported = 0;
const touched = function () {
  if (!network) {
    network = true;
    if (evaluated) setImmediate(pass, 'network');
    else setTimeout(pass, 250, 'network');
  }
  return this;
};
Server.prototype.listen = touched;
Socket.prototype.connect = touched;
Datagram.prototype.bind = touched;
Datagram.prototype.send = touched;
for (const asks of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  const promised = asks === dns.promises || asks === dns.promises.Resolver.prototype;
  for (const name of Object.getOwnPropertyNames(asks)) {
    if (/^(lookup|resolve|reverse)/.test(name)) asks[name] = promised ? () => { touched(); return new Promise(() => undefined); } : touched;
  }
}
syncBuiltinESMExports();
process.on('uncaughtExceptionMonitor', (thrown) => {
  if (reported >= 10) return;
  reported += 1;
  const of = (name) => { try { const value = thrown[name]; return value === undefined ? undefined : String(value).slice(0, 8000); } catch { return undefined; } };
  let requireStack;
  try { if (Array.isArray(thrown.requireStack)) requireStack = thrown.requireStack.slice(0, 10).map(String); } catch { /* hostile */ }
  say({ error: { name: of('name') ?? 'Error', message: of('message') ?? String(typeof thrown), stack: of('stack') ?? '', code: of('code'), requireStack } });
});
${waiting(link)}const done = () => {
  evaluated = true;
  if (network) setImmediate(pass, 'network');
  else setTimeout(pass, 1000, 'loaded').unref();
};
if (isMainThread) {
  setImmediate(() => {
    // A CommonJS module has run by now, and says so.
    if (process.mainModule?.loaded === true) return void done();
    let entry;
    try { entry = pathToFileURL(realpathSync(argv[1])).href; } catch { return; }
    // The same module as the one that runs: it is evaluated once, and this tells when.
    import(entry).then(done, () => undefined);
  });
}
`;
}

/** Until it is told what to load. */
function waiting(link: string): string {
  return `// What the service forks has another one.
if (isMainThread && argv[1] === ${JSON.stringify(link)}) {
  // All that Node does before it looks at the entry is done by now, and there is time for what nearly every service loads.
  require('node:https');
  let word = '';
  for (const bytes = Buffer.alloc(4096); !word.endsWith('\\n');) {
    const count = readSync(0, bytes);
    if (count === 0) kill.call(process, pid, 'SIGKILL');
    word += bytes.toString('latin1', 0, count);
  }
  const told = JSON.parse(Buffer.from(word, 'latin1'));
  process.chdir(told.folder);
  argv[1] = told.entry;
  // The service finds an empty standard input.
  closeSync(0);
  openSync('/dev/null', 'r');
}
`;
}
