/** The one place where the builders are put in. Each is loaded when it is needed: what it stands on takes longer to load than most commands run. */
import type { ImageOption } from '../../config/index.js';
import type { Build, BuildSite, DockerBuilder, OciBuilder } from '../../image/builder.js';
import { projectFolder, type ProjectContext } from '../context.js';
import { dockerTarget, type FindTargets } from './docker-target.js';

export interface Builders {
  readonly oci: OciBuilder;
  readonly docker: DockerBuilder;
}

export const BUILDERS: Builders = {
  oci: async (image, site) => {
    const [{ ociBuilder }, { collectImageFiles }] = await Promise.all([import('../../image/builders/oci/index.js'), import('../../image/dependencies/index.js')]);
    return ociBuilder(collectImageFiles)(image, site);
  },
  docker: async (image, site) => (await import('../../image/builders/docker/index.js')).buildDockerfile(image, site),
};

/** With `@nx/docker` the project's target is read first: the Dockerfile's arguments have one place. */
export async function buildWith(builders: Builders, image: ImageOption, site: BuildSite, context: ProjectContext, findTargets: FindTargets): Promise<Build> {
  if (image.builder === 'oci') return builders.oci(image, site);
  if (image.builder === 'docker') return builders.docker(image, site);
  const { nxDockerImage } = await import('../../image/builders/docker/index.js');
  const { image: described, warnings } = nxDockerImage(image, await dockerTarget(context, findTargets), { workspaceRoot: site.workspaceRoot, projectFolder: projectFolder(context), variables: site.variables });
  const build = await builders.docker(described, site);
  return { ...build, warnings: [...warnings, ...build.warnings] };
}
