import { findNodeAtLocation, parseTree } from 'jsonc-parser';
import { indentAt, insert } from './source-edit.js';

/**
 * deploy.json with checks before a deploy: those of health.json with the tag `preflight`. They come before the environments, which are long; everything
 * else stays as it is. The same text where there are some, or where it is none that can be read.
 */
export function addPreflight(text: string): string {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const environments = root === undefined ? undefined : findNodeAtLocation(root, ['environments'])?.parent;
  if (root === undefined || environments === undefined || findNodeAtLocation(root, ['preflight']) !== undefined) return text;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  return insert(text, [{ at: environments.offset, text: `"preflight": { "tags": ["preflight"] },${newline}${indentAt(text, environments.offset)}` }]);
}
