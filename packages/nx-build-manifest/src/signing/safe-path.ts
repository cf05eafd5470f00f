/** Why a relative path may not be used below a folder; undefined when it may. Only `/` separates, whatever the system. */
export function unsafePath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.includes('\0')) return 'holds a NUL';
  if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)) return 'is absolute';
  const parts = path.split('/');
  if (parts.includes('..')) return 'leaves the folder (..)';
  if (parts.includes('') || parts.includes('.')) return 'is not in its shortest form';
  return undefined;
}
