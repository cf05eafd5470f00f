/** The one place where the builders are put in. */
import { DeployError } from '../../errors.js';
import type { Build, BuildSite, DockerBuilder, OciBuilder } from '../../image/builder.js';
import type { ImageOption } from '../../config/index.js';

export interface Builders {
  readonly oci?: OciBuilder;
  readonly docker?: DockerBuilder;
}

export const BUILDERS: Builders = {};

export function buildWith(builders: Builders, image: ImageOption, site: BuildSite): Promise<Build> {
  if (image.builder === 'oci' && builders.oci !== undefined) return builders.oci(image, site);
  if (image.builder !== 'oci' && builders.docker !== undefined) return builders.docker(image, site);
  throw new DeployError('ND-ABILITY-MISSING', { what: `this version has no builder ${image.builder}`, where: 'deploy.json: artifact.builder', next: 'use a version that has it' });
}
