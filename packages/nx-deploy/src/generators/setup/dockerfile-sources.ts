/** What a Dockerfile copies from its context, as far as its text tells: paths that begin with a folder of the workspace need the workspace as the context. */
import { posix } from 'node:path';

const COPY = /^[ \t]*(?:COPY|ADD)[ \t]+(.+)$/gim;

/** Whether a source lies in one of these folders, which are relative to the workspace. */
export function copiesFrom(dockerfile: string, folders: readonly string[]): boolean {
  const lines = [...dockerfile.replace(/\\\r?\n/g, ' ').matchAll(COPY)].map(([, rest = '']) => rest.trim());
  return lines.flatMap(sources).some((source) => folders.some((folder) => source === folder || source.startsWith(`${folder}/`)));
}

/** Without those of another stage or image. */
function sources(rest: string): readonly string[] {
  if (/^(?:--\S+\s+)*--from=/.test(rest)) return [];
  const given = rest.replace(/^(?:--\S+\s+)+/, '');
  return words(given).slice(0, -1).map((source) => posix.normalize(source).replace(/^\/+/, ''));
}

function words(given: string): readonly string[] {
  if (!given.startsWith('[')) return given.split(/\s+/);
  try {
    const parsed: unknown = JSON.parse(given);
    return Array.isArray(parsed) ? parsed.filter((word): word is string => typeof word === 'string') : [];
  } catch {
    return given.split(/\s+/);
  }
}
