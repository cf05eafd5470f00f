/** `WWW-Authenticate` (RFC 9110, 11.6.1): what a registry wants to know before it answers. */

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const LONGEST = 8_192;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`);
const SCHEME = new RegExp(`^(${TOKEN})(?=\\s|,|$)`);

/** All challenges of one header; what cannot be read ends the list. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = (header ?? '').slice(0, LONGEST).replace(/^[\s,]+/, '');
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest);
    const scheme = parameter === null ? SCHEME.exec(rest) : null;
    if (parameter !== null && challenges.length > 0) {
      const [, name = '', text, word = ''] = parameter;
      const parameters = challenges.at(-1)?.parameters;
      if (parameters !== undefined && name !== '__proto__') parameters[name.toLowerCase()] ??= text?.replace(/\\(.)/g, '$1') ?? word;
    } else if (scheme !== null) {
      challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters: {} });
    } else {
      break;
    }
    rest = rest.slice((parameter ?? scheme)?.[0].length ?? rest.length).replace(/^[\s,]+/, '');
  }
  return challenges;
}
