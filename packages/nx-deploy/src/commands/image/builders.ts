/** The one place where the builders are put in. Each is loaded when it is needed: what it stands on takes longer to load than most commands run. */
import { DeployError } from '../../errors.js';
import type { Build, BuildSite, DockerBuilder, OciBuilder } from '../../image/builder.js';
import type { ImageOption } from '../../config/index.js';

export interface Builders {
  readonly oci: OciBuilder;
  readonly docker?: DockerBuilder;
}

export const BUILDERS: Builders = {
  oci: async (image, site) => {
    const [{ ociBuilder }, { collectImageFiles }] = await Promise.all([import('../../image/builders/oci/index.js'), import('../../image/dependencies/index.js')]);
    return ociBuilder(collectImageFiles)(image, site);
  },
};

export function buildWith(builders: Builders, image: ImageOption, site: BuildSite): Promise<Build> {
  if (image.builder === 'oci') return builders.oci(image, site);
  if (builders.docker !== undefined) return builders.docker(image, site);
  throw new DeployError('ND-ABILITY-MISSING', { what: `this version has no builder ${image.builder}`, where: 'deploy.json: artifact.builder', next: 'use a version that has it' });
}
