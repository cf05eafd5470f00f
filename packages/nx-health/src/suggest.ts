/** Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const edits = [(last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1)];
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) edits.push((before[column - 2] ?? 0) + 1);
      current.push(Math.min(...edits));
    }
    before = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/** The known word nearest to `word`, if it is near enough to be a typing error (a third of its length, at least one edit). */
export function suggest(word: string, known: readonly string[]): string | undefined {
  // Longer than any name of ours: no slip, and not worth the arithmetic.
  if (word.length > 64) return undefined;
  const [best] = known.map((name) => ({ name, edits: distance(word.toUpperCase(), name.toUpperCase()) }))
    .filter(({ edits }) => edits <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.edits - b.edits);
  return best?.name;
}

/** `unknown key; did you mean "url"?`, or the list of those that are known. */
export function unknown(what: string, word: string, known: readonly string[]): string {
  const near = suggest(word, known);
  return near === undefined ? `unknown ${what}; known here: ${known.join(', ') || 'none'}` : `unknown ${what}; did you mean "${near}"?`;
}
