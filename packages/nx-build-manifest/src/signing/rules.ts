/** The rules of a verification: each looks at one thing and names every file that it finds wrong. */
import { createHash } from 'node:crypto';
import { bytesOf, digestsOf } from './files.js';
import type { Evidence } from './evidence.js';
import { linkProblems, type Link } from './links.js';
import { BUNDLE, CHECKSUMS, LINKS, SIGNATURE_FILES, STATEMENT } from './names.js';
import type { VerificationPolicy } from './policy.js';
import { readStatement, type Statement } from './statement.js';

export interface Finding {
  /** Relative to the folder. */
  readonly file?: string;
  readonly problem: string;
}

/** `asked` is false when the policy does not ask for the rule, or there is nothing that it could judge. `detail`: when it passed or was skipped. */
export interface Judgement {
  readonly asked: boolean;
  readonly detail: string;
  readonly findings: readonly Finding[];
}

const skipped = (detail: string): Judgement => ({ asked: false, detail, findings: [] });

/** Every file of checksums.txt is there and has its digest, and every link of checksums.links.json leads where it did. */
export async function filesRule({ folder, checksums, unreadable, present, links }: Evidence): Promise<Judgement> {
  const broken = unreadable.filter(({ file }) => file === CHECKSUMS);
  if (checksums === undefined) return { asked: true, detail: '', findings: broken.length > 0 ? broken : [{ file: CHECKSUMS, problem: 'is missing' }] };
  const findings: Finding[] = [...checksums.problems.map((problem) => ({ file: CHECKSUMS, problem })), ...unreadable.filter(({ file }) => file === LINKS)];
  const found = await digestsOf(folder, checksums.entries.map(({ path }) => path));
  for (const [index, { path, sha256, why }] of found.entries()) {
    if (why !== undefined) findings.push({ file: path, problem: why });
    else if (sha256 !== checksums.entries[index]?.sha256) findings.push({ file: path, problem: 'was changed: its digest is not the one in checksums.txt' });
  }
  findings.push(...typeof links === 'string' ? [{ file: LINKS, problem: links }] : linkFindings(links, present));
  const also = links.length === 0 ? '' : `, and ${links.length} links are those of ${LINKS}`;
  return { asked: true, detail: `${found.length} files have the digests of ${CHECKSUMS}${also}`, findings };
}

function linkFindings(links: readonly Link[], present: Evidence['present']): readonly Finding[] {
  const found = new Map(present.map(({ path, target }) => [path, target]));
  return [...linkProblems(links), ...links.flatMap(({ path: file, target }) => {
    if (!found.has(file)) return [{ file, problem: 'is missing' }];
    const now = found.get(file);
    return now === target ? [] : [{ file, problem: now === undefined ? 'is a file, and should be a link' : `was changed: it leads to ${now}, and in ${LINKS} to ${target}` }];
  })];
}

/** Nothing lies in the folder that is neither in checksums.txt nor, as a link, in checksums.links.json. */
export function unlistedRule({ present, checksums, links }: Evidence): Judgement {
  if (checksums === undefined) return skipped(`there is no ${CHECKSUMS}`);
  const listed = new Set([...checksums.entries.map(({ path }) => path), ...SIGNATURE_FILES]);
  const linked = new Set(typeof links === 'string' ? [] : links.map(({ path }) => path));
  const findings = present.filter(({ path }) => !listed.has(path) && !linked.has(path)).map(({ path: file, target }) => ({ file, problem: `is not in ${target === undefined ? CHECKSUMS : LINKS}` }));
  return { asked: true, detail: `nothing lies beside the files of ${CHECKSUMS}`, findings };
}

/** Each signature that is there is by a trusted key, and there is one. */
export function signatureRule({ signatures, unreadable }: Evidence): Judgement {
  const findings: Finding[] = unreadable.filter(({ file }) => ![CHECKSUMS, LINKS, STATEMENT].includes(file));
  for (const { file, by } of signatures) if (typeof by === 'string') findings.push({ file, problem: by });
  if (signatures.length === 0 && findings.length === 0) findings.push({ problem: 'the package has no signature' });
  const keys = [...new Set(signatures.flatMap(({ by }) => (typeof by === 'string' ? [] : [by.name])))];
  return { asked: true, detail: `signed by ${keys.join(', ')}`, findings };
}

/** The signed statement is the one that lies there, is about these files, and says what the policy requires. */
export function provenanceRule(evidence: Evidence, { provenance = true }: VerificationPolicy): Judgement {
  const { statement, signed, present } = evidence;
  const asked = provenance !== false;
  if (!asked && statement === undefined && signed === undefined) return skipped('the policy does not ask for it');
  const findings: Finding[] = evidence.unreadable.filter(({ file }) => file === STATEMENT);
  const isThere = present.some(({ path }) => path === BUNDLE);
  if (!isThere) findings.push({ file: BUNDLE, problem: 'is missing' });
  if (statement === undefined && findings.every(({ file }) => file !== STATEMENT)) findings.push({ file: STATEMENT, problem: 'is missing' });
  if (signed === undefined) {
    if (isThere) findings.push({ file: BUNDLE, problem: 'holds no statement that a trusted key signed' });
    return { asked: true, detail: '', findings };
  }
  if (statement !== undefined && !statement.equals(signed.payload)) findings.push({ file: STATEMENT, problem: `is not what ${BUNDLE} signs` });
  const said = readStatement(signed.payload);
  if (typeof said === 'string') return { asked: true, detail: '', findings: [...findings, { file: BUNDLE, problem: said }] };
  findings.push(...subjectFindings(evidence, said), ...requirementFindings(said, provenance));
  return { asked: true, detail: `built by ${said.predicate.runDetails.builder.id}${commitOf(said)}`, findings };
}

function commitOf({ predicate }: Statement): string {
  const commit = predicate.buildDefinition.resolvedDependencies.find(({ digest }) => digest['gitCommit'] !== undefined)?.digest['gitCommit'];
  return commit === undefined ? '' : ` of commit ${commit}`;
}

function subjectFindings({ checksums }: Evidence, { subject }: Statement): Finding[] {
  if (checksums === undefined) return [];
  const digests = new Map(checksums.entries.map(({ path, sha256 }) => [path, sha256]));
  digests.set(CHECKSUMS, createHash('sha256').update(checksums.bytes).digest('hex'));
  const findings: Finding[] = subject.filter(({ name = '', digest }) => digest['sha256'] === undefined || digests.get(name) !== digest['sha256'])
    .map(({ name = '' }) => ({ file: name, problem: 'is not what the provenance was made for' }));
  if (!subject.some(({ name }) => name === CHECKSUMS)) findings.push({ file: STATEMENT, problem: `is not about ${CHECKSUMS}` });
  return findings;
}

function requirementFindings({ predicate }: Statement, provenance: VerificationPolicy['provenance']): Finding[] {
  if (typeof provenance !== 'object') return [];
  const { internalParameters, resolvedDependencies } = predicate.buildDefinition;
  const source = resolvedDependencies.find(({ digest }) => digest['gitCommit'] !== undefined);
  const [, repository, inUri] = /^(.*?)(?:@refs\/heads\/(.*))?$/.exec(source?.uri ?? '') ?? [];
  const annotated = source?.uri === undefined ? source?.annotations?.['branch'] : undefined;
  const branch = typeof annotated === 'string' ? annotated : inUri;
  const findings: Finding[] = [];
  const must = (allowed: readonly string[] | undefined, what: string, value: string | undefined): void => {
    if (allowed === undefined || (value !== undefined && allowed.includes(value))) return;
    findings.push({ file: STATEMENT, problem: `its ${what} is ${value === undefined || value === '' ? 'not named' : value}, and must be ${allowed.join(' or ')}` });
  };
  must(provenance.repositories, 'repository', repository);
  must(provenance.branches, 'branch', branch);
  if (provenance.cleanTree === true && internalParameters.dirty !== false) findings.push({ file: STATEMENT, problem: 'it was not built of a commit without changes' });
  return findings;
}

/** The builder is one of the policy's, and a key signed that may speak for it. */
export function identityRule({ signed }: Evidence, { identities = [] }: VerificationPolicy): Judgement {
  if (identities.length === 0) return skipped('the policy names no identities');
  const said = signed === undefined ? undefined : readStatement(signed.payload);
  if (signed === undefined || said === undefined || typeof said === 'string') return { asked: true, detail: '', findings: [{ file: BUNDLE, problem: 'names no builder that a trusted key signed for' }] };
  const builder = said.predicate.runDetails.builder.id;
  const known = identities.filter((identity) => identity.builder === builder);
  const fits = known.some(({ keys }) => keys === undefined || keys.includes(signed.key.name));
  const problem = known.length === 0 ? `the builder ${builder} is none of the policy's` : `the key ${signed.key.name} may not speak for ${builder}`;
  return { asked: true, detail: `${builder}, by the key ${signed.key.name}`, findings: fits ? [] : [{ file: STATEMENT, problem }] };
}

const SBOM = /\.(?:cdx|spdx)\.json$/;

/** A bill of materials is among the files of checksums.txt. */
export async function sbomRule({ folder, checksums }: Evidence, { requireSbom = false }: VerificationPolicy): Promise<Judgement> {
  if (!requireSbom) return skipped('the policy does not ask for it');
  const paths = (checksums?.entries ?? []).map(({ path }) => path).filter((path) => SBOM.test(path));
  if (paths.length === 0) return { asked: true, detail: '', findings: [{ problem: 'there is no file *.cdx.json or *.spdx.json' }] };
  const findings: Finding[] = [];
  for (const file of paths) {
    const kind = sbomKind(await bytesOf(folder, file).catch(() => undefined));
    if (kind === undefined) findings.push({ file, problem: 'is neither CycloneDX nor SPDX' });
  }
  return { asked: true, detail: paths.join(', '), findings };
}

function sbomKind(bytes: Buffer | undefined): 'CycloneDX' | 'SPDX' | undefined {
  try {
    const document = JSON.parse(bytes?.toString('utf8') ?? '') as { readonly bomFormat?: unknown; readonly spdxVersion?: unknown };
    if (document.bomFormat === 'CycloneDX') return 'CycloneDX';
    return typeof document.spdxVersion === 'string' ? 'SPDX' : undefined;
  } catch {
    return undefined;
  }
}
