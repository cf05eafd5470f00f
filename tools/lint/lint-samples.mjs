/**
 * Reads samples `[{ file, code, rules }]` as JSON from stdin, lints each as if it stood in that file, and prints the ids of
 * the rules that reported something, per sample. A program of its own because a flat configuration is loaded by `import()`.
 */
import { ESLint } from 'eslint';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const samples = JSON.parse(await text(process.stdin));
const rules = new Set(samples.flatMap((sample) => sample.rules));
const eslint = new ESLint({
  cwd,
  ruleFilter: ({ ruleId }) => rules.has(ruleId),
  // The files do not exist, so there is no program that holds their types.
  overrideConfig: { files: ['**/*.ts'], languageOptions: { parserOptions: { project: null } } },
});
const results = [];
for (const { file, code } of samples) {
  const [result] = await eslint.lintText(code, { filePath: file });
  results.push(result.messages.map(({ ruleId, message }) => ruleId ?? message));
}
process.stdout.write(JSON.stringify(results));
