import { parse } from 'jsonc-parser';

interface Tagged {
  readonly tags?: unknown;
}

/** Whether a check of a health.json has a tag, of its own or of the defaults. None has where the file is none that can be read. */
export function hasTag(text: string, tag: string): boolean {
  const { checks, defaults } = (parse(text, [], { allowTrailingComma: true }) ?? {}) as { readonly checks?: Readonly<Record<string, Tagged | null>> | null; readonly defaults?: Tagged | null };
  return Object.values(checks ?? {}).some((check) => {
    const tags = check?.tags ?? defaults?.tags;
    return Array.isArray(tags) && tags.includes(tag);
  });
}
