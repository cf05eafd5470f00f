/** With or without a scope. A name that is none could lead out of node_modules. */
const NAME = /^(?:@[^/\\]+\/)?[^/\\.@][^/\\]*$/;

export function isPackageName(name: string): boolean {
  return NAME.test(name);
}
