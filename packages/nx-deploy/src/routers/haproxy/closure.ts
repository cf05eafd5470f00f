/** A route that is closed: HAProxy answers with a page, or has requests wait until it gets another configuration. */
import { createHash } from 'node:crypto';
import { DeployError } from '../../errors.js';
import { backendName, handOverSocket, NEXT, WAITED } from './names.js';
import type { HaproxyRoute } from './route.js';

/** HAProxy sends an answer of its own out of one buffer, of 16 KiB with its head. */
const LONGEST_PAGE = 15_000;
/** RFC 9110 section 8.3: type, subtype and parameters. */
const CONTENT_TYPE = /^[A-Za-z0-9!#&^_.+-]+\/[A-Za-z0-9!#&^_.+-]+(?:; ?[A-Za-z0-9_-]+=[A-Za-z0-9_.+-]+)*$/;

/**
 * Waits until the worker leaves, which is when a configuration without the pause, or another one, has come: the request then goes to the worker that has it.
 * The time that is left goes on from there, so that no reload in between makes it longer.
 */
const WAIT = `
local waiting = {}
local function leaving(txn)
  local stopping = txn.f:stopping()
  return stopping == true or stopping == 1
end
core.register_action("nxd_wait", { "http-req" }, function(txn, key, wait, most)
  local now = core.now()
  local began = now.sec * 1000 + math.floor(now.usec / 1000)
  local asked = tonumber(txn.sf:req_hdr("${WAITED}")) or 0
  if (waiting[key] or 0) >= tonumber(most) then txn:set_var("txn.nxd_turned", "many") return end
  waiting[key] = (waiting[key] or 0) + 1
  local passed = asked
  while not leaving(txn) and passed < tonumber(wait) do
    core.msleep(math.max(1, math.min(50, tonumber(wait) - passed)))
    now = core.now()
    passed = asked + now.sec * 1000 + math.floor(now.usec / 1000) - began
  end
  waiting[key] = waiting[key] - 1
  if leaving(txn) then txn:set_var("txn.nxd_waited", tostring(passed)) else txn:set_var("txn.nxd_turned", "long") end
end, 3)
`;

/** Stored beside the configuration under a name that its content gives it. */
export const WAIT_PROGRAM = { name: `wait-${createHash('sha256').update(WAIT).digest('hex').slice(0, 12)}.lua`, text: WAIT } as const;

/** Throws ND-OPTION-INVALID for what HAProxy cannot answer. */
export function checkClosure(key: string, closure: HaproxyRoute['closure']): void {
  const refuse = (what: string, next: string): never => { throw new DeployError('ND-OPTION-INVALID', { what, where: key, why: 'the router haproxy cannot do that', next }); };
  if (closure?.type === 'maintenance') {
    if (Buffer.byteLength(closure.page) > LONGEST_PAGE) refuse(`the page has ${Buffer.byteLength(closure.page)} bytes, more than ${LONGEST_PAGE}`, 'make it smaller: pictures and styles can come from another address');
    if (closure.page.includes('\0')) refuse('the page holds a NUL', 'take it out');
    if (!CONTENT_TYPE.test(closure.contentType)) refuse('the content type of the page has no valid form', 'write it as text/html; charset=utf-8');
  }
  const numbers = closure?.type === 'maintenance' ? [closure.retryAfter ?? 0] : closure?.type === 'paused' ? [closure.wait, closure.most] : [];
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) refuse('a number of the closure is none', 'give a whole number');
}

/** The lines of the backend of a closed route: it needs no others. */
export function closureLines({ key, closure, listen }: HaproxyRoute, folder: string): readonly string[] {
  if (closure === undefined) return [];
  if (closure.type === 'maintenance') {
    const retry = closure.retryAfter === undefined ? '' : ` hdr Retry-After ${closure.retryAfter}`;
    return [`http-request return status 503 content-type ${quoted(closure.contentType)} string ${quoted(closure.page)} hdr Cache-Control no-store${retry}`];
  }
  const turned = (word: string, text: string): string => `http-request return status 503 content-type "text/plain; charset=utf-8" string ${quoted(`Service Unavailable: ${text}\n`)} hdr Cache-Control no-store hdr Retry-After 1 if { var(txn.nxd_turned) -m str ${word} }`;
  return [
    `http-request lua.nxd_wait ${backendName(key)} ${closure.wait} ${closure.most}`,
    turned('many', 'the service is paused, and too many requests wait already.'), turned('long', 'the service is paused.'),
    `http-request set-header ${WAITED} %[var(txn.nxd_waited)]`,
    `server ${NEXT} ${handOverSocket(listen, folder)} weight 0 send-proxy-v2`, `use-server ${NEXT} if { always_true }`,
  ];
}

export function isPaused({ closure }: Pick<HaproxyRoute, 'closure'>): boolean {
  return closure?.type === 'paused';
}

/** As a word of HAProxy's configuration (its manual, section 2.2): whatever could mean something there is written as its byte. */
function quoted(text: string): string {
  const plain = /[A-Za-z0-9 .,:;/=<>()_+-]/;
  return `"${[...Buffer.from(text)].map((byte) => (byte < 128 && plain.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`)).join('')}"`;
}
