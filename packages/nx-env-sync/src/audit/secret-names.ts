/** Names that are given to secrets: the word at the end says what the value is, so `TOKEN_LIFETIME` is none. */
const TELLING = /(?:^|_)(?:PASSWORDS?|PASSWD|PASSPHRASE|PWD|SECRETS?|TOKENS?|CREDENTIALS?|(?:API|PRIVATE|ACCESS|SECRET|SIGNING|ENCRYPTION)?_?KEYS?)$/;
/** Keys that everybody may know, and those that are no keys of locks. */
const OPEN = /(?:^|_)(?:PUBLIC|PUBLISHABLE|SITE|PRIMARY|FOREIGN|SORT|PARTITION|CACHE|ROUTING)_?KEYS?$/;
/** What all of these end with: most names need no closer look. */
const LIKELY = /(?:word|passwd|phrase|pwd|secret|token|credential|key)s?$/i;
/** A password within a URI (RFC 3986, userinfo). */
const WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*:([^\s/?#@]+)@/i;

/** True for a name that tells of a secret. */
export function isSecretName(name: string): boolean {
  if (!LIKELY.test(name)) return false;
  const upper = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  return TELLING.test(upper) && !OPEN.test(upper);
}

/** The password in a value such as `postgres://user:password@host/database`. */
export function passwordIn(value: string): string | undefined {
  return value.includes('@') ? WITH_PASSWORD.exec(value)?.[1] : undefined;
}
