/**
 * Whole percents in proportion to the counts, summing to exactly 100 (largest remainder, Hamilton's method; ties go to the earlier key).
 * All zero when every count is zero.
 */
export function shares(counts: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(counts);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return Object.fromEntries(entries.map(([id]) => [id, 0]));
  const exact = entries.map(([id, count], order) => {
    const share = (count * 100) / total;
    return { id, order, whole: Math.floor(share), rest: share - Math.floor(share) };
  });
  const missing = 100 - exact.reduce((sum, { whole }) => sum + whole, 0);
  const favoured = new Set([...exact].sort((a, b) => b.rest - a.rest || a.order - b.order).slice(0, missing).map(({ id }) => id));
  return Object.fromEntries(exact.map(({ id, whole }) => [id, whole + (favoured.has(id) ? 1 : 0)]));
}
