import { createHash } from 'node:crypto';
import { canonicalize } from 'json-canonicalize';
import type { Component } from './component.js';
import { contentUuid } from './identity.js';
import type { Inventory } from './inventory.js';
import { licenseText, type License } from './license.js';

const NONE = 'NOASSERTION';

interface ExtractedLicense {
  readonly licenseId: string;
  readonly name: string;
  readonly extractedText: string;
}

/**
 * SPDX 2.3 as canonical JSON (RFC 8785).
 * @throws Error without a time, which SPDX requires (2.3, 6.9)
 */
export function spdx(inventory: Inventory, tool: { readonly name: string; readonly version: string }, time: Date | undefined): string {
  if (time === undefined) throw new Error('SPDX requires a time of creation and there is no commit: set SOURCE_DATE_EPOCH to seconds since 1970, or make a commit');
  const all = [inventory.subject, ...inventory.components];
  const extracted = new Map<string, ExtractedLicense>();
  const packages = all.map((component) => packageOf(component, extracted));
  const content = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${inventory.subject.name}${inventory.subject.version === undefined ? '' : `-${inventory.subject.version}`}`,
    creationInfo: { created: time.toISOString().replace(/\.\d+Z$/, 'Z'), creators: [`Tool: ${tool.name}-${tool.version}`] },
    packages,
    relationships: relationshipsOf(inventory),
    ...(extracted.size === 0 ? {} : { hasExtractedLicensingInfos: [...extracted.values()].sort((a, b) => (a.licenseId < b.licenseId ? -1 : 1)) }),
  };
  // A namespace is a name, no address: nothing has to be found there (2.3, 6.5).
  const path = `${encodeURIComponent(content.name)}-${contentUuid(canonicalize(content))}`;
  return canonicalize({ ...content, documentNamespace: `https://spdx.org/spdxdocs/${path}` });
}

function idOf({ ref, name, version }: Pick<Component, 'ref' | 'name' | 'version'>): string {
  const words = `${name}-${version ?? ''}`.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '');
  return `SPDXRef-${words}-${createHash('sha256').update(ref).digest('hex').slice(0, 12)}`;
}

function packageOf(component: Component, extracted: Map<string, ExtractedLicense>): Readonly<Record<string, unknown>> {
  const { name, version, purl, hashes, license, yarnChecksum } = component;
  return {
    SPDXID: idOf(component),
    name,
    ...(version === undefined ? {} : { versionInfo: version }),
    downloadLocation: NONE,
    filesAnalyzed: false,
    licenseConcluded: NONE,
    licenseDeclared: declaredLicense(license, extracted),
    ...(license?.kind === 'list' ? { licenseComments: `package.json lists, without saying whether one may choose: ${licenseText(license)}` } : {}),
    copyrightText: NONE,
    primaryPackagePurpose: component.kind === 'application' ? 'APPLICATION' : 'LIBRARY',
    ...(hashes.length === 0 ? {} : { checksums: hashes.map(({ algorithm, hex }) => ({ algorithm: algorithm.replace('-', ''), checksumValue: hex })) }),
    ...(yarnChecksum === undefined ? {} : { comment: `checksum of yarn, of an archive of its own: ${yarnChecksum}` }),
    ...(purl === undefined ? {} : { externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }] }),
  };
}

function declaredLicense(license: License | undefined, extracted: Map<string, ExtractedLicense>): string {
  if (license === undefined || license.kind === 'list') return NONE;
  if (license.kind === 'expression') {
    for (const [licenseId] of license.expression.matchAll(/LicenseRef-[A-Za-z0-9.-]+/g)) {
      extracted.set(licenseId, { licenseId, name: licenseId, extractedText: `package.json names the license ${licenseId} and no text of it` });
    }
    return license.expression;
  }
  const words = license.name.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);
  const licenseId = `LicenseRef-${words === '' ? '' : `${words}-`}${createHash('sha256').update(license.name).digest('hex').slice(0, 12)}`;
  extracted.set(licenseId, { licenseId, name: license.name, extractedText: `package.json says: ${license.name}` });
  return licenseId;
}

function relationshipsOf({ subject, components, needs }: Inventory): readonly Readonly<Record<'spdxElementId' | 'relationshipType' | 'relatedSpdxElement', string>>[] {
  const ids = new Map([subject, ...components].map((component) => [component.ref, idOf(component)]));
  const id = (ref: string): string => ids.get(ref) ?? 'SPDXRef-DOCUMENT';
  return [
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: id(subject.ref) },
    ...[...needs].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([ref, targets]) => targets.map(({ ref: target, optional }) => (optional
      ? { spdxElementId: id(target), relationshipType: 'OPTIONAL_DEPENDENCY_OF', relatedSpdxElement: id(ref) }
      : { spdxElementId: id(ref), relationshipType: 'DEPENDS_ON', relatedSpdxElement: id(target) }))),
  ];
}
