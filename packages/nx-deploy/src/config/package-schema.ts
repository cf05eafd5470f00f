/** The artifact that is a package: which files of the project go where in it, what they need, and how a package is verified. */
import * as z from 'zod';
import { bundle, dependencies, entry, fromProject, INSIDE, list, path, RELATIVE, texts, VARIABLE } from './artifact-values.js';
import { duration, section, text } from './values.js';

/** Patterns that hold where deploy.json names none, relative to the project. */
export const PACKAGE_PATTERNS = {
  scripts: ['scripts/**'],
  docs: ['README.md', 'CHANGELOG.md', 'LICENSE*', 'docs/**/*.md'],
  tests: ['smoke/**', 'test/smoke/**', 'tests/smoke/**'],
} as const;

const pattern = text(INSIDE, 'a pattern of files of the project, with "/" between its parts', { description: 'Pattern, relative to the project.' });
const patterns = (description: string, otherwise: readonly string[], examples: string[][]) => list(pattern, 'patterns').meta({ description, default: [...otherwise], examples }).optional();
const file = (description: string, examples: string[]) => text(RELATIVE, fromProject('file'), { description, examples });

const RANGE = '^[ -~]{1,200}$';
const service = section({
  name: text('^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', 'a name of letters, digits, ".", "_" and "-"', { description: 'Name of the service: without "at" that of another service of the workspace, as its deploy.json says it.', examples: ['billing'] }),
  version: text(RANGE, 'a range of versions like ">=2.1.0"', { description: 'Versions of it that will do, of a service of the workspace.', examples: ['>=2.1.0'] }).optional(),
  at: text('^[!-~]{1,500}$', 'an address like "db.example.com:5432", a URL, or "${NAME}" of the environment', { description: 'Where it is, when it is none of the workspace: "host:port", or a URL; `${NAME}` is a variable of the environment.', examples: ['${DATABASE_URL}', 'db.example.com:5432', 'https://billing.example.com/health'] }).optional(),
});
const requires = section({
  node: text(RANGE, 'a range of versions like ">=20.19.0"', { description: 'Versions of Node that it runs on; default: "engines.node" of the project\'s package.json, else of the workspace\'s.', examples: ['>=20.19.0', '^22.12.0 || >=24.0.0'] }).optional(),
  services: list(service, 'services').meta({ description: 'What else must be there before it is deployed: services of the workspace that run in the same environment, and whatever answers at an address.', default: [], examples: [[{ name: 'billing', version: '>=2.1.0' }, { name: 'postgres', at: '${DATABASE_URL}' }]] }).optional(),
});

const api = section({
  document: file('OpenAPI document of this version (JSON or YAML).', ['openapi.json']),
  previous: file('That of the release before, or its package: what was taken away since then is told as breaking.', ['api/released.json']).optional(),
});

const smokeError = 'must be false, or an object with "env" and "timeout"';
const smoke = z.union([
  z.literal(false).meta({ description: 'The service is not started from its package.' }),
  section({
    env: texts(VARIABLE, 'the name of an environment variable', 'variables')
      .meta({ description: 'Variables that the service is started with, beside the defaults of env.schema.json; never secrets.', examples: [{ DATABASE_URL: 'postgres://127.0.0.1:5432/empty' }] }).optional(),
    timeout: duration(100, { description: 'How long it may take to become healthy.', default: '20s' }).optional(),
  }),
], { error: smokeError }).meta({ description: 'How the service is started from its package, to see that it holds all that runs.', examples: [{ env: { GREETING: 'smoke' } }, false] });

export const packaged = section({
  type: z.literal('package').meta({ description: 'An archive of the service with its facts, which package makes.' }),
  path,
  entry,
  dependencies,
  bundle,
  assets: list(text(INSIDE, 'a pattern of files below "path", with "/" between its parts', { description: 'Pattern, relative to "path".' }), 'patterns')
    .meta({ description: 'With "bundle": files of the output that the service reads, and that are taken along.', default: [], examples: [['public/**']] }).optional(),
  templates: patterns('Files with ${NAME} in them and a name that ends with ".template": they lie beside the code and are filled in at deploy time.', [], [['config/*.template']]),
  scripts: patterns('Files of scripts/ in the package.', PACKAGE_PATTERNS.scripts, [['bin/**']]),
  docs: patterns('Files of docs/ in the package.', PACKAGE_PATTERNS.docs, [['README.md']]),
  tests: patterns('Files of tests/ in the package: smoke tests, no others.', PACKAGE_PATTERNS.tests, [['e2e/smoke/**']]),
  exclude: patterns('Files that are left out wherever they stand, relative to the project.', [], [['dist/**/*.map']]),
  requires: requires.meta({ description: 'What it needs where it runs; checked at deploy time.' }).optional(),
  api: api.meta({ description: 'What it offers, to be compared with the release before.' }).optional(),
  sbom: z.enum(['cyclonedx', 'spdx'], { error: 'must be "cyclonedx" or "spdx"' }).meta({ description: 'Form of the bill of materials in the package; without it there is none.', examples: ['cyclonedx'] }).optional(),
  smoke: smoke.optional(),
});

const modeError = 'must be "off", "warn" or "enforce"';
export const verifySchema = section({
  mode: z.enum(['off', 'warn', 'enforce'], { error: modeError })
    .meta({ description: 'off: signatures are not looked at. warn: what is wrong is told. enforce: a package that is not as it should be is not deployed.', default: 'enforce' }).optional(),
  keys: list(file('A public key: PEM (ECDSA P-256), or that of minisign.', ['keys/release.pub']), 'files of public keys')
    .meta({ description: 'Public keys; one of them must have signed the package.', default: [], examples: [['{workspaceRoot}/keys/release.pub']] }).optional(),
  identities: list(text('^[!-~]{1,500}$', 'the name of a builder, in printable ASCII', { description: 'Name of a builder.' }), 'names of builders')
    .meta({ description: 'Builders that the provenance may name; none: any.', default: [], examples: [['https://ci.example.com/builder']] }).optional(),
  provenance: z.boolean({ error: 'must be true or false' }).meta({ description: 'A signed provenance must be there and tell of this package.', default: false }).optional(),
  requireSbom: z.boolean({ error: 'must be true or false' }).meta({ description: 'A bill of materials must be there.', default: false }).optional(),
}).meta({ description: 'What is asked of a package before it is deployed. Its digests are always checked.', examples: [{ mode: 'enforce', keys: ['keys/release.pub'], provenance: true }] });
export type VerifyConfig = z.output<typeof verifySchema>;
