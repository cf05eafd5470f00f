/** JSON whose bytes depend on the values alone: keys sorted, no spaces. Two builds give the same digest however their objects were put together. */
export function stableJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(sorted(value)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // Pairs, so that a key such as __proto__ stays data.
  return Object.fromEntries(Object.entries(value).filter(([, content]) => content !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, content]) => [key, sorted(content)]));
}
