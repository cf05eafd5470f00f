/**
 * The projects that a person may mean by a name: the one that is called so, else all that Nx would take it for. In a name such as `@shop/api` or `shop_api`
 * a whole part is enough (nx, find-matching-projects.ts), so that what works after `nx run` works here.
 */
export function matchProjects(name: string, known: readonly string[]): readonly string[] {
  if (known.includes(name)) return [name];
  if (name === '') return [];
  const part = new RegExp(`(?<![@a-zA-Z0-9-])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![@a-zA-Z0-9-])`, 'i');
  return known.filter((project) => part.test(project));
}
