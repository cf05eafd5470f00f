/** The `Authorization` of one registry: which scheme it wants is learned from its first 401, tokens are kept for as long as they live. */
import { redactor } from '../../shell/redactor.js';
import type { Ms } from '../../model/index.js';
import { parseChallenges, type Challenge } from './challenge.js';
import type { Credential } from './credentials.js';
import { denied, type Place } from './failures.js';
import type { Repository } from './reference.js';
import { basic, fetchToken, type Token } from './token.js';
import type { Incoming, Outgoing } from './transport.js';

export interface AuthorizationOptions {
  /** Asked once for each repository, and only when the registry wants to know. */
  readonly findCredential: (repository: Repository) => Promise<Credential | undefined>;
  /** Sends to the token server: follows redirects, and refuses plain http where it is not allowed. */
  readonly send: (outgoing: Outgoing) => Promise<Incoming>;
  readonly quiet: Ms;
}

/** One right, as `repository:team/api:pull,push`; and whose credentials buy it. */
export interface Access {
  readonly repository: Repository;
  readonly scopes: readonly string[];
}

export class Authorization {
  private challenge: Challenge | undefined;
  private readonly tokens = new Map<string, Token>();
  private readonly asked = new Map<string, Promise<Token>>();
  private readonly credentials = new Map<string, Promise<Credential | undefined>>();
  private readonly secrets = new Map<string, string>();

  constructor(private readonly options: AuthorizationOptions) {}

  /** The header for a request; undefined until the registry has asked for one. @throws what fetchToken and findCredential throw. */
  async header(access: Access): Promise<string | undefined> {
    const { challenge } = this;
    if (challenge === undefined) return undefined;
    if (challenge.scheme === 'basic') {
      const credential = await this.credential(access.repository);
      return credential?.kind === 'password' ? basic(credential) : undefined;
    }
    const kept = this.tokens.get(keyOf(access));
    const token = kept !== undefined && kept.renewAt > performance.now() ? kept : await this.token(challenge, access);
    return `Bearer ${token.value}`;
  }

  /** After a 401: makes the next `header` another one. @throws DeployError ND-REGISTRY-DENIED when there is no other. */
  async renew(incoming: Incoming, access: Access, used: string | undefined, place: Place): Promise<void> {
    const offered = parseChallenges(incoming.headers['www-authenticate']);
    const challenge = offered.find(({ scheme, parameters }) => scheme === 'bearer' && URL.canParse(parameters['realm'] ?? ''))
      ?? offered.find(({ scheme }) => scheme === 'basic') ?? this.challenge;
    if (challenge === undefined) throw denied(place.where, 'it answered 401 and does not say how to log in');
    this.challenge = challenge;
    if (challenge.scheme === 'basic') {
      const credential = await this.credential(access.repository);
      if (credential === undefined) throw denied(place.where, `it wants a user and password, and there are none for ${access.repository.registry}`);
      if (credential.kind === 'identity') throw denied(place.where, 'it wants a user and password, and only an identity token is stored');
      if (used === basic(credential)) throw denied(place.where, 'it answered 401: the stored user or password is wrong');
      return;
    }
    const key = keyOf(access);
    // Another request may have renewed it already.
    if (used !== undefined && used === `Bearer ${this.tokens.get(key)?.value ?? ''}`) this.tokens.delete(key);
  }

  /** Replaces every secret that was used here in text of others. */
  readonly redact = (text: string): string => redactor(Object.fromEntries(this.secrets)).replace(text);

  private token(challenge: Challenge, access: Access): Promise<Token> {
    const key = keyOf(access);
    const running = this.asked.get(key);
    if (running !== undefined) return running;
    const fresh = this.buy(challenge, access).then((token) => {
      this.tokens.set(key, token);
      this.secrets.set(`token ${this.secrets.size}`, token.value);
      return token;
    }).finally(() => this.asked.delete(key));
    this.asked.set(key, fresh);
    return fresh;
  }

  private async buy({ parameters }: Challenge, access: Access): Promise<Token> {
    const { realm = '', service, scope } = parameters;
    const credential = await this.credential(access.repository);
    const asked = scope?.split(' ').filter((one) => one !== '' && !access.scopes.some((known) => covers(known, one))) ?? [];
    return fetchToken({
      realm: new URL(realm), scopes: [...access.scopes, ...asked], quiet: this.options.quiet, redact: this.redact,
      ...(service === undefined ? {} : { service }), ...(credential === undefined ? {} : { credential }),
    }, this.options.send);
  }

  private credential(repository: Repository): Promise<Credential | undefined> {
    const key = `${repository.registry}/${repository.name}`;
    const known = this.credentials.get(key) ?? this.options.findCredential(repository).then((credential) => {
      if (credential !== undefined) this.secrets.set('secret', credential.secret);
      if (credential?.kind === 'password') this.secrets.set('authorization', basic(credential).slice('Basic '.length));
      return credential;
    });
    this.credentials.set(key, known);
    return known;
  }
}

function keyOf({ repository, scopes }: Access): string {
  return `${repository.name} ${scopes.join(' ')}`;
}

/** `repository:a:pull,push` covers `repository:a:pull`. */
function covers(known: string, asked: string): boolean {
  const [name, actions] = cut(known);
  const [wanted, parts] = cut(asked);
  return name === wanted && parts.every((part) => actions.includes(part));
}

function cut(scope: string): [string, string[]] {
  const colon = scope.lastIndexOf(':');
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')];
}
