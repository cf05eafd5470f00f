/** Names of variables that usually hold a secret. */

const WORDS = new Set(['PASSWORD', 'PASSWD', 'PASSPHRASE', 'SECRET', 'SECRETS', 'TOKEN', 'TOKENS', 'APIKEY', 'CREDENTIAL', 'CREDENTIALS']);
/** Two words; a key alone may be anything. */
const PAIRS = new Set(['API_KEY', 'ACCESS_KEY', 'PRIVATE_KEY', 'SECRET_KEY', 'SIGNING_KEY', 'ENCRYPTION_KEY', 'SSH_KEY', 'DATABASE_URL', 'CONNECTION_STRING']);

/** Its last words say what it holds: `DB_PASSWORD`, `npmToken` and `API_KEY_2` do, `TOKEN_TTL` and `TOKENIZER` do not. */
export function looksSecret(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase().split('_').filter((word) => /[A-Z]/.test(word));
  const [before = '', last = ''] = words.length === 1 ? ['', ...words] : words.slice(-2);
  return WORDS.has(last.replace(/\d+$/, '')) || PAIRS.has(`${before}_${last}`);
}
