/** The parts of a diff of two lists of facts. */

export interface Changes<Item> {
  readonly added: readonly Item[];
  readonly removed: readonly Item[];
}

export interface Changed<Value> {
  readonly name: string;
  readonly before: Value;
  readonly after: Value;
}

export interface ItemChanges<Item, Value> extends Changes<Item> {
  readonly changed: readonly Changed<Value>[];
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** What one list has that the other has not, by `keyOf`, each in its list's order. */
export function changesBy<Item>(before: readonly Item[], after: readonly Item[], keyOf: (item: Item) => string): Changes<Item> {
  const [old, now] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
  return { added: after.filter((item) => !old.has(keyOf(item))), removed: before.filter((item) => !now.has(keyOf(item))) };
}

/** The same for items with a value, by name: an item whose value differs is changed. Changed ones are sorted by name. */
export function itemChanges<Item, Value>(before: readonly Item[], after: readonly Item[], nameOf: (item: Item) => string, valueOf: (item: Item) => Value): ItemChanges<Item, Value> {
  const old = new Map(before.map((item) => [nameOf(item), valueOf(item)]));
  const changed = after.flatMap((item) => {
    const [name, value] = [nameOf(item), valueOf(item)];
    const earlier = old.get(name);
    return earlier === undefined || JSON.stringify(earlier) === JSON.stringify(value) ? [] : [{ name, before: earlier, after: value }];
  });
  return { ...changesBy(before, after, nameOf), changed: changed.sort((a, b) => compare(a.name, b.name)) };
}
