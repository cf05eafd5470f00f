import { printAnswer, type Answer } from '../../commands/answer.js';
import { readValue } from '../../commands/read-value.js';
import { encryptSecrets, keygen, listSecrets, rotateRecipients, setSecret } from '../../commands/secrets.js';
import { EnvSyncError } from '../../errors.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface SecretsOptions {
  readonly action: 'list' | 'set' | 'remove' | 'encrypt' | 'keygen' | 'rotate';
  readonly key?: readonly string[];
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  /** keygen: the public key is added to the recipients. */
  readonly add?: boolean;
  /** rotate: public keys. */
  readonly addRecipient?: readonly string[];
  readonly removeRecipient?: readonly string[];
  readonly json?: boolean;
}

type OptionName = Exclude<keyof SecretsOptions, 'action' | 'json'>;

/** What each action takes; anything else is refused rather than ignored. A configuration may name an environment to all of them. */
const TAKES: Readonly<Record<SecretsOptions['action'], readonly OptionName[]>> = {
  list: ['environment'], set: ['environment', 'key'], remove: ['environment', 'key'], encrypt: ['environment', 'key'],
  keygen: ['environment', 'add'], rotate: ['environment', 'addRecipient', 'removeRecipient'],
};

/** Executor `nx-env-sync:secrets`: lists, sets, removes and encrypts secrets, makes keys, and changes who can read. */
export default function secretsExecutor({ json, ...options }: SecretsOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(json, async () => act(options, context));
}

async function act({ action, ...options }: SecretsOptions, context: TaskContext): Promise<Answer> {
  const { key = [], add = false, addRecipient = [], removeRecipient = [] } = options;
  const strange = (Object.keys(options) as OptionName[]).filter((name) => !TAKES[action].includes(name));
  if (strange.length > 0) throw new EnvSyncError('refused', { what: `secrets ${action} takes no ${strange.join(' and no ')}`, next: `it takes ${TAKES[action].join(', ')}` });
  const place = placeOf(context);
  if (action === 'keygen') return keygen(add, place);
  if (action === 'rotate') return rotateRecipients(addRecipient, removeRecipient, place);
  const environment = await environmentOf(options.environment, context, '--environment=<environment>');
  if (action === 'list') return listSecrets(environment, place);
  if (action === 'encrypt') return encryptSecrets(environment, key, place);
  const [name, ...others] = key;
  if (name === undefined || others.length > 0) throw new EnvSyncError('refused', { what: `secrets ${action} is for one key`, next: `write: nx-env-sync secrets ${action} KEY -c ${environment}` });
  return setSecret(environment, name, action === 'set' ? await readValue(process.stdin) : undefined, place);
}
