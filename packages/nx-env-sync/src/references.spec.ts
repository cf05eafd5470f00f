import { formatProblem } from './problem.js';
import { expandReferences } from './references.js';

const expand = (given: Record<string, string>): { values: Record<string, string>; holds: Record<string, string[]>; problems: string[] } => {
  const { values, holds, problems } = expandReferences(new Map(Object.entries(given).map(([key, value], index) => [key, { value, file: 'e.env', line: index + 1 }])));
  return {
    values: Object.fromEntries([...values].map(([key, { value }]) => [key, value])),
    holds: Object.fromEntries([...holds].map(([key, held]) => [key, [...held].sort()])),
    problems: problems.map(formatProblem),
  };
};

describe('expandReferences', () => {
  it('replaces references through others, in any order, and nothing else', () => {
    expect(expand({ URL: 'pg://${USER}:${PASSWORD}@${HOSTNAME}', USER: 'api-${STAGE}', PASSWORD: 'p', HOSTNAME: 'h', STAGE: 's', SAME: '$STAGE $(id) $$ `x` \\n %STAGE% $${STAGE} {STAGE}' })).toEqual({
      values: { URL: 'pg://api-s:p@h', USER: 'api-s', PASSWORD: 'p', HOSTNAME: 'h', STAGE: 's', SAME: '$STAGE $(id) $$ `x` \\n %STAGE% ${STAGE} {STAGE}' },
      holds: { URL: ['HOSTNAME', 'PASSWORD', 'STAGE', 'USER'], USER: ['STAGE'] },
      problems: [],
    });
  });

  it('does not look at what it put in', () => {
    expect(expand({ A: '${B}{C}', B: '$', C: 'x' }).values).toEqual({ A: '${C}', B: '$', C: 'x' });
    expect(expand({ A: '${B}', B: '$${C}', C: 'x' }).values['A']).toBe('${C}');
  });

  it('names circles, each once', () => {
    expect(expand({ B: '${C}', C: '${A}', A: 'x${B}', D: '${D}', E: '${B}' }).problems).toEqual([
      'e.env:3 A: refers to itself: A -> B -> C -> A',
      'e.env:4 D: refers to itself: D -> D',
    ]);
  });

  it.each([
    ['${NAM}', 'refers to a key that is not set; did you mean NAME?'],
    ['${planted}', 'refers to a key that is not set; write $${ for a ${ that is text'],
    ['${PORT}', 'refers to PORT, which is known only when an instance starts'],
    ['${NAME:-planted}', 'holds a reference that is not ${NAME}'],
    ['${planted', 'holds a reference that is not ${NAME}'],
    ['${}', 'holds a reference that is not ${NAME}'],
  ])('reports %s', (value, problem) => {
    const { values, problems } = expand({ NAME: 'x', A: `${value}-\${NAME}` });
    expect(values['A']).toBe(`${value}-\${NAME}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`e.env:2 A: ${problem}`);
    expect(problems[0]).not.toContain('planted');
  });

  it('does not let a small file become a large environment, nor a long chain deep', () => {
    const twice = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`K${index}`, index === 0 ? 'x'.repeat(1000) : `\${K${index - 1}}\${K${index - 1}}`]));
    expect(expand(twice).problems[0]).toBe('e.env:9 K8: is too long with what it refers to; no process can receive that');
    const wide = Object.fromEntries([['BIG', 'x'.repeat(100_000)], ...Array.from({ length: 50 }, (_, index) => [`W${index}`, '${BIG}'])]);
    expect(expand(wide).problems.length).toBeGreaterThan(25);
    const chain = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`K${index}`, `\${K${index + 1}}`]));
    expect(expand({ ...chain, K20000: 'x' }).problems[0]).toContain('refers through more than 100 keys');
  });
});
