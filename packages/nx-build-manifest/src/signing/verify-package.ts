import { resolve } from 'node:path';
import { policyProblems, trustedKeys, type VerificationPolicy } from './policy.js';
import { evidenceOf } from './evidence.js';
import { filesRule, identityRule, provenanceRule, sbomRule, signatureRule, unlistedRule, type Finding } from './rules.js';

export const RULES = ['files', 'unlisted', 'signature', 'provenance', 'identity', 'sbom'] as const;
export type RuleName = (typeof RULES)[number];

export interface Verdict {
  readonly rule: RuleName;
  /** warned: it failed, and the policy's mode is warn. skipped: the policy does not ask, or what it asks about is missing and told by another rule. */
  readonly outcome: 'passed' | 'failed' | 'warned' | 'skipped';
  /** One line for people. */
  readonly detail: string;
  /** Each thing that is wrong, with the file it is wrong with. */
  readonly findings: readonly Finding[];
}

export interface Verdicts {
  readonly accepted: boolean;
  /** One of each rule, in the order of {@link RULES}. */
  readonly rules: readonly Verdict[];
}

export interface VerifyQuery {
  /** Absolute folder. */
  readonly folder: string;
  readonly policy: VerificationPolicy;
}

/**
 * Judges a folder that `signPackage` signed. Nothing in it is trusted, followed or run; nothing is changed.
 * @throws Error when the policy itself is wrong, or the folder cannot be read
 */
export async function verifyPackage({ folder, policy }: VerifyQuery): Promise<Verdicts> {
  if (policy.mode === 'off') return { accepted: true, rules: RULES.map((rule) => ({ rule, outcome: 'skipped', detail: 'the policy is off', findings: [] })) };
  const problems = policyProblems(policy);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const evidence = await evidenceOf(resolve(folder), trustedKeys(policy));
  const judged = { files: filesRule, unlisted: unlistedRule, signature: signatureRule, provenance: provenanceRule, identity: identityRule, sbom: sbomRule };
  const rules: Verdict[] = [];
  for (const rule of RULES) {
    const { asked, detail, findings } = await judged[rule](evidence, policy);
    const outcome = !asked ? 'skipped' : findings.length === 0 ? 'passed' : policy.mode === 'warn' ? 'warned' : 'failed';
    rules.push({ rule, outcome, detail: findings.length === 0 ? detail : told(findings), findings });
  }
  return { accepted: rules.every(({ outcome }) => outcome !== 'failed'), rules };
}

function told(findings: readonly Finding[]): string {
  const [first, ...more] = findings;
  const line = first === undefined ? '' : `${first.file === undefined ? '' : `${first.file}: `}${first.problem}`;
  return more.length === 0 ? line : `${line}; and ${more.length} more`;
}
