/** What reaches a service on its engine, made of deploy.json and the command's environment. */
import { readFile } from 'node:fs/promises';
import type { ListenOption, ResolvedEnvironment } from '../../config/index.js';
import { DeployError, errorCode } from '../../errors.js';
import type { DockerListen, DockerTarget } from '../../platforms/docker/index.js';
import { CLIENT_VARIABLES } from '../../shell/engine/index.js';
import { baseEnvironment, pick } from '../../shell/environment.js';

/** Where the store of base layers lies, beside what the engine's client needs: a walker inherits neither. */
const STORE = ['NX_DEPLOY_BLOBS'];

export function engineVariables(variables: NodeJS.ProcessEnv): DockerTarget['variables'] {
  return { ...baseEnvironment(variables), ...pick(variables, [...CLIENT_VARIABLES, ...STORE]) };
}

/** The address of deploy.json with the texts of its certificates. @throws DeployError ND-CONFIG-INVALID, with every file that does not do */
export async function dockerListen({ listen, file }: Pick<ResolvedEnvironment, 'listen' | 'file'>): Promise<DockerListen> {
  const { certificates, ...address }: ListenOption = listen;
  if (certificates === undefined) return address;
  const read = await Promise.all(certificates.map(readCertificate));
  const problems = read.flatMap((each) => ('problem' in each ? [each.problem] : []));
  if (problems.length > 0) {
    throw new DeployError('ND-CONFIG-INVALID', {
      what: problems.length === 1 ? 'a certificate cannot be used' : `${problems.length} certificates cannot be used`, where: `${file}: listen.certificate`, problems,
      next: 'name files that this user may read, each in PEM with the certificate, its chain and its key (cat fullchain.pem privkey.pem)',
    });
  }
  return { ...address, certificates: read.flatMap((each) => ('text' in each ? [each.text] : [])) };
}

async function readCertificate(file: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  const problem = (what: string): { problem: string } => ({ problem: `${file}: ${what}` });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = errorCode(error) ?? String(error);
    return problem(code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : `it cannot be read (${code})`);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) return problem('it holds no certificate in PEM');
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(text)) return problem('it holds no key in PEM without a password, which the router needs');
  return { text };
}
