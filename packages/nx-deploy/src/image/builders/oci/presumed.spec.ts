import { join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import type { DeployError } from '../../../errors.js';
import type { Build, ImageFiles } from '../../builder.js';
import { ociBuilder, type CollectFiles } from './builder.js';
import { baseLayout, files, LISTENS, options, siteIn, type TestSite, type Texts } from './oci.spec-support.js';

const root = temporaryFolder('presumed');
const MODULES: Texts = { 'app/node_modules/left-pad/index.js': 'module.exports = 1;\n' };
const OTHERS: Texts = { 'app/node_modules/right-pad/index.js': 'module.exports = 2;\n' };
const needing = (name: string): Texts => ({ 'app/main.js': `require(${JSON.stringify(name)}); ${LISTENS}// ${Math.random()}\n` });

let base: string;
let count = 0;
beforeAll(async () => { base = `oci:${(await baseLayout(root)).folder}`; });

/** `confirm` gives `found`; what is told of it is told of by looking alone. */
function collecting(presumed: Readonly<Record<'modules' | 'application', Texts>>, found: Readonly<Record<'modules' | 'application', Texts>>, confirm: (files: ImageFiles) => Promise<ImageFiles> = async (all) => all): CollectFiles {
  const folder = join(root, `files-${count += 1}`);
  return async (...given) => {
    const whole = files(join(folder, 'found'), found, { warnings: ['seen'] });
    return { ...await files(join(folder, 'presumed'), presumed)(...given), confirm: async () => confirm(await whole(...given)) };
  };
}
const site = (more: Partial<TestSite> = {}): TestSite => siteIn(root, { workspaceRoot: root, ...more });
const kinds = ({ images }: Build): unknown[] => images[0]?.layers.map(({ kind }) => kind) ?? [];
const failure = async (collect: CollectFiles, at = site()): Promise<DeployError> => ociBuilder(collect)(options(base), at).then(() => { throw new Error('it was built'); }, (thrown: unknown) => thrown as DeployError);

test('what was presumed counts when it is what is found, with what is told of that', async () => {
  const application = needing('left-pad');
  const assembled: Build[] = [];
  const build = await ociBuilder(collecting({ modules: MODULES, application }, { modules: MODULES, application }))(options(base), site({ onAssembled: (one) => assembled.push(one) }));
  expect(build.warnings).toEqual(['seen']);
  expect(build.made).toHaveLength(2);
  expect(assembled.map(({ images }) => images)).toEqual([build.images]);
  expect(assembled[0]?.images).toBe(build.images);
});

test('the image is made again of what is found when that is something else', async () => {
  const application = needing('right-pad');
  const whole = { modules: OTHERS, application };
  const build = await ociBuilder(collecting({ modules: MODULES, application }, whole))(options(base), site());
  expect(build.warnings).toEqual(['seen']);
  expect(build.images).toEqual((await ociBuilder(files(join(root, 'whole'), whole))(options(base), site())).images);
  expect(build.made).toEqual(build.images[0]?.layers.slice(1).map(({ digest }) => digest));
  const gone = needing('node:fs');
  expect(kinds(await ociBuilder(collecting({ modules: MODULES, application: gone }, { modules: {}, application: gone }))(options(base), site()))).toEqual(['base', 'application']);
});

test('a failure of what was presumed is one only when it is what is found', async () => {
  const application = needing('left-pad');
  expect((await failure(collecting({ modules: MODULES, application }, { modules: OTHERS, application }))).code).toBe('ND-IMAGE-SMOKE');
  expect((await failure(collecting({ modules: OTHERS, application }, { modules: OTHERS, application }))).code).toBe('ND-IMAGE-SMOKE');
  expect((await ociBuilder(collecting({ modules: OTHERS, application }, { modules: MODULES, application }))(options(base), site())).images).toHaveLength(1);
});

test('nothing is built of what cannot be looked at', async () => {
  const application = needing('left-pad');
  const collect = collecting({ modules: MODULES, application }, { modules: MODULES, application }, () => Promise.reject(new Error('a pipe')));
  expect((await failure(collect)).message).toBe('a pipe');
});

test('a build that is cancelled is not begun again', async () => {
  const controller = new AbortController();
  const application = needing('left-pad');
  const at = site({ signal: controller.signal, onAssembled: () => controller.abort() });
  expect((await failure(collecting({ modules: MODULES, application }, { modules: OTHERS, application }), at)).code).toBe('ND-CANCELLED');
  expect(at.events.filter((event) => event.type === 'phase' && event.phase === 'layers' && event.state === 'start')).toHaveLength(1);
});
