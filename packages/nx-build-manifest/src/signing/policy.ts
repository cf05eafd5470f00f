/** Which packages are accepted: types, and reading it from what people wrote. */
import { parseTrustedKey, type ParsedKey, type TrustedKey } from './keys.js';

/** Who may speak for a builder. */
export interface Identity {
  /** `builder.id` of the provenance, exactly. */
  readonly builder: string;
  /** Names of the keys that may speak for it. Default: every key of the policy. */
  readonly keys?: readonly string[];
}

/** What the provenance must say, beyond being there, signed and about these files. */
export interface ProvenanceRequirements {
  /** One of these repositories, exactly as the provenance names it without the branch: `git+https://example.com/shop.git`. */
  readonly repositories?: readonly string[];
  /** One of these branches. */
  readonly branches?: readonly string[];
  /** true: built of a commit without changes. */
  readonly cleanTree?: boolean;
}

export interface VerificationPolicy {
  /** off: nothing is looked at. warn: everything is, and nothing refused. enforce: a rule that fails refuses the package. */
  readonly mode: 'off' | 'warn' | 'enforce';
  readonly keys: readonly TrustedKey[];
  /** Without any, every builder is accepted that a key of the policy signed for. */
  readonly identities?: readonly Identity[];
  /** false: a signature of checksums.txt is enough. Default: true. */
  readonly provenance?: boolean | ProvenanceRequirements;
  /** Default: false. */
  readonly requireSbom?: boolean;
}

/** Tells what is wrong with a policy, all of it. `where` is the key path that the policy stands at. */
export function policyProblems(policy: VerificationPolicy, where = 'policy'): readonly string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  for (const [index, key] of policy.keys.entries()) {
    const at = `${where}.keys[${index}]`;
    if (names.has(key.name)) problems.push(`${at}.name: "${key.name}" is there twice`);
    names.add(key.name);
    try {
      parseTrustedKey(key);
    } catch (error) {
      problems.push(`${at}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const [index, { keys = [] }] of (policy.identities ?? []).entries()) {
    for (const name of keys) if (!names.has(name)) problems.push(`${where}.identities[${index}].keys: there is no key "${name}"; known keys: ${[...names].join(', ') || 'none'}`);
  }
  if (policy.mode === 'enforce' && policy.keys.length === 0) problems.push(`${where}.keys: a policy that is enforced needs a key to trust`);
  return problems;
}

export function trustedKeys(policy: VerificationPolicy): readonly ParsedKey[] {
  return policy.keys.map(parseTrustedKey);
}
