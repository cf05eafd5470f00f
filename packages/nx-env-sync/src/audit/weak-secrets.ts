import type { EnvProblem } from '../problem.js';
import type { PlacedValue } from '../references.js';
import type { EnvSchema } from '../schema.js';
import { passwordIn } from './secret-names.js';

/** Words that stand where a secret should be. Compared in lower case, without what is no letter or digit. */
const PLACEHOLDERS = new Set([
  'changeme', 'changeit', 'change', 'replaceme', 'replace', 'fixme', 'todo', 'tbd', 'placeholder', 'example', 'sample', 'dummy', 'fake', 'foo', 'bar', 'foobar', 'none', 'null',
  'undefined', 'secret', 'secrets', 'mysecret', 'topsecret', 'supersecret', 'password', 'passwort', 'passwd', 'passw0rd', 'p4ssw0rd', 'mypassword', 'token', 'mytoken', 'apikey', 'key',
  'admin', 'administrator', 'root', 'user', 'guest', 'test', 'testing', 'default', 'letmein', 'welcome', 'qwerty', 'abc123', 'value', 'insertkeyhere', 'yourkeyhere', 'redacted',
]);
const HOLLOW = /^(?:<.*>|\[.*\]|\{\{.*\}\}|x{3,}|\*{2,}|\.{2,}|-+|\?+|your[-_ ].+|my[-_ ](?:secret|token|password|key)|(?:change|replace|insert|enter|put)[-_ ].+)$/i;
/** Keywords by which the author of a schema has said of which form a secret is. */
const FORMS = ['pattern', 'enum', 'const', 'format'];
const LONGEST_WORD = 64;
const SHORTEST = 12;
const FEWEST_CHARACTERS = 5;

/** What makes a value no secret; undefined when nothing does. */
function weakness(value: string, definition: Readonly<Record<string, unknown>>): string | undefined {
  const password = passwordIn(value);
  if (isPlaceholder(value) || (password !== undefined && isPlaceholder(password))) return 'looks like a placeholder; set the real secret';
  const formed = FORMS.some((keyword) => keyword in definition) || (definition['type'] ?? 'string') !== 'string';
  if (formed || password !== undefined) return undefined;
  if (value.length < SHORTEST && !('minLength' in definition)) return `is a secret of fewer than ${SHORTEST} characters; use a longer one, or say in the schema what it must be (minLength or pattern)`;
  if (new Set(value).size < FEWEST_CHARACTERS || isRun(value)) return 'is a secret that is easy to guess: few different characters, or a run of them; use a random one';
  return undefined;
}

function isPlaceholder(value: string): boolean {
  if (HOLLOW.test(value)) return true;
  const word = value.length > LONGEST_WORD ? '' : value.toLowerCase().replace(/[^a-z0-9]/g, '');
  // 'password1' and 'changeme123' are no better.
  return PLACEHOLDERS.has(word) || PLACEHOLDERS.has(word.replace(/\d+$/, ''));
}

/** `12345678`, `abcdefgh`. */
function isRun(value: string): boolean {
  const step = value.charCodeAt(1) - value.charCodeAt(0);
  for (let at = 2; at < value.length; at += 1) if (value.charCodeAt(at) - value.charCodeAt(at - 1) !== step) return false;
  return value.length > 1;
}


/** Secrets that are none. An empty one is not set, which other rules look at. */
export function weakSecrets(secrets: readonly string[], values: ReadonlyMap<string, PlacedValue>, schema: EnvSchema): EnvProblem[] {
  return secrets.flatMap((key): EnvProblem[] => {
    const found = values.get(key);
    if (found === undefined || found.value === '') return [];
    const what = weakness(found.value, schema.rules.get(key)?.definition ?? {});
    return what === undefined ? [] : [{ file: found.file, line: found.line, key, what, rule: 'weak-secret' }];
  });
}
