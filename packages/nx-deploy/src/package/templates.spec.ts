import { DeployError } from '../errors.js';
import { renderTemplates } from './templates.js';

const rendered = (text: string, values: Record<string, string> = {}, path = 'config/app.txt.template', secrets: string[] = []): string => renderTemplates([{ path, text }], { values, secrets }, 'staging')[0] ?? '';

function refusal(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'ND-PACKAGE-TEMPLATE') return thrown.parts.problems ?? [];
    throw thrown;
  }
  throw new Error('it was not refused');
}

test('names are replaced by values, by what stands for a value that is missing, and not where they are meant', () => {
  expect(rendered('a=${A} b=${B:-b c} e=${E:-} $A $${A} ${} ${1} ${a-b}', { A: '1$&2' })).toBe('a=1$&2 b=b c e= $A ${A} ${} ${1} ${a-b}');
  expect(rendered('${A}', { A: '' })).toBe('');
});

test('every variable that is missing or secret is told with its file, and no value', () => {
  const problems = refusal(() => renderTemplates([{ path: 'a.template', text: '${ONE} ${TWO}' }, { path: 'b\u00e9.template', text: '${KEY} ${constructor}' }], { values: { KEY: 'hidden' }, secrets: ['KEY'] }, 'staging'));
  expect(problems).toEqual(['"a.template": the variable ONE is not set', '"a.template": the variable TWO is not set', '"b\\u00e9.template": the variable constructor is not set', expect.stringContaining('"b\\u00e9.template": the variable KEY is secret')]);
  expect(problems.join()).not.toContain('hidden');
});

test('JSON stays JSON', () => {
  expect(rendered('{"a": "${A}"}', { A: 'x' }, 'a.json.template')).toBe('{"a": "x"}');
  expect(refusal(() => rendered('{"a": "${A}"}', { A: 'x"y' }, 'a.json.template'))).toEqual([expect.stringContaining('it is no JSON any more')]);
});
