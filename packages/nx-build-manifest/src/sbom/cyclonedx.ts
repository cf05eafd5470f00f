import type * as CycloneDx from '@cyclonedx/cyclonedx-library';
import { canonicalize } from 'json-canonicalize';
import parseExpression from 'spdx-expression-parse';
import type { Component } from './component.js';
import { contentUuid } from './identity.js';
import type { Inventory } from './inventory.js';
import type { License } from './license.js';

type Library = typeof CycloneDx;
type Models = Library['Models'];
type CdxComponent = InstanceType<Models['Component']>;
type CdxLicense = InstanceType<Models['SpdxLicense']> | InstanceType<Models['NamedLicense']> | InstanceType<Models['LicenseExpression']>;

/** CycloneDX 1.6 as canonical JSON (RFC 8785). */
export async function cycloneDx(inventory: Inventory, tool: { readonly name: string; readonly version: string }, time: Date | undefined): Promise<string> {
  const library: Library = await import('@cyclonedx/cyclonedx-library');
  const { Enums, Models, Serialize, Spec } = library;
  const own = new Map<string, CdxComponent>();
  for (const component of [inventory.subject, ...inventory.components]) own.set(component.ref, componentOf(library, component));
  for (const [ref, needs] of inventory.needs) {
    for (const need of needs) {
      const target = own.get(need.ref);
      if (target !== undefined) own.get(ref)?.dependencies.add(target.bomRef);
    }
  }
  const subject = own.get(inventory.subject.ref);
  const bom = new Models.Bom({
    components: new Models.ComponentRepository([...own.values()].filter((component) => component !== subject)),
    metadata: new Models.Metadata({
      ...(subject === undefined ? {} : { component: subject }),
      ...(time === undefined ? {} : { timestamp: time }),
      lifecycles: new Models.LifecycleRepository([Enums.LifecyclePhase.Build]),
      tools: new Models.Tools({ components: new Models.ComponentRepository([new Models.Component(Enums.ComponentType.Application, tool.name, { version: tool.version })]) }),
    }),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  const text = (): string => canonicalize(JSON.parse(serializer.serialize(bom, { sortLists: true })));
  bom.serialNumber = `urn:uuid:${contentUuid(text())}`;
  return text();
}

function componentOf({ Enums, Models, Contrib }: Library, component: Component): CdxComponent {
  const [, scope, name] = /^(@[^/]+)\/(.+)$/.exec(component.name) ?? [];
  const licenses = licensesOf({ Enums, Models, Contrib }, component.license);
  return new Models.Component(component.kind === 'application' ? Enums.ComponentType.Application : Enums.ComponentType.Library, name ?? component.name, {
    bomRef: component.ref,
    ...(scope === undefined ? {} : { group: scope }),
    ...(component.version === undefined ? {} : { version: component.version }),
    ...(component.purl === undefined ? {} : { purl: component.purl }),
    ...(component.kind === 'application' ? {} : { scope: component.optional ? Enums.ComponentScope.Optional : Enums.ComponentScope.Required }),
    hashes: new Models.HashDictionary(component.hashes.map(({ algorithm, hex }) => [Enums.HashAlgorithm[algorithm], hex])),
    licenses: new Models.LicenseRepository(licenses),
    properties: new Models.PropertyRepository(component.yarnChecksum === undefined ? [] : [new Models.Property('nx-build-manifest:yarn:checksum', component.yarnChecksum)]),
  });
}

function licensesOf({ Enums, Contrib, Models }: Pick<Library, 'Enums' | 'Contrib' | 'Models'>, license: License | undefined): CdxLicense[] {
  const factory = new Contrib.License.Factories.LicenseFactory(parseExpression);
  const made = license === undefined ? []
    : license.kind === 'expression' ? [factory.makeFromString(license.expression)]
      : (license.kind === 'named' ? [license.name] : license.names).map((name) => new Models.NamedLicense(name));
  for (const each of made) each.acknowledgement = Enums.LicenseAcknowledgement.Declared;
  return made;
}
