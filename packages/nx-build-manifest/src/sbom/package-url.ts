/** Package URL of the type npm (purl specification 1.0, "purl types", npm). `qualifiers` are sorted, as the specification asks. */
export function packageUrl(name: string, version: string | undefined, qualifiers: Readonly<Record<string, string>> = {}): string {
  const path = name.split('/').map(encode).join('/');
  const query = Object.entries(qualifiers).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${encode(value)}`).join('&');
  return `pkg:npm/${path.toLowerCase()}${version === undefined ? '' : `@${encode(version)}`}${query === '' ? '' : `?${query}`}`;
}

/** As the specification asks: a colon stays, everything else that has a meaning does not. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':').replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
