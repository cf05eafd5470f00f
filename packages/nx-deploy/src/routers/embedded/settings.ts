/** What of a route's settings ends up in HTTP must have a form that can stand there: a bad one is refused before it is in force. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { DeployError } from '../../errors.js';
import type { Route } from '../router.js';

/** Throws ND-INTERNAL: the configuration has been checked by then. */
export function checkSettings({ key, sticky, testers, closure }: Route): void {
  check(key, 'sticky.cookie', () => sticky === undefined || isToken(sticky.cookie));
  check(key, 'testers.header', () => testers === undefined || isToken(testers.header));
  if (closure?.type === 'maintenance') {
    check(key, 'closure.contentType', () => {
      validateHeaderValue('Content-Type', closure.contentType);
      return true;
    });
    check(key, 'closure.retryAfter', () => closure.retryAfter === undefined || (Number.isSafeInteger(closure.retryAfter) && closure.retryAfter >= 0));
  }
  if (closure?.type === 'paused') {
    check(key, 'closure.wait', () => closure.wait >= 0);
    check(key, 'closure.most', () => closure.most >= 0);
  }
}

/** RFC 9110 section 5.6.2. */
function isToken(text: string): boolean {
  validateHeaderName(text);
  return true;
}

function check(key: string, setting: string, valid: () => boolean): void {
  try {
    if (valid()) return;
  } catch {
    // Node's own check says it by throwing.
  }
  throw new DeployError('ND-INTERNAL', { what: `route ${key} cannot be set`, why: `${setting} has no valid form` });
}
