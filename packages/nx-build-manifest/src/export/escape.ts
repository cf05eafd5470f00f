/** Names come from outside. Whatever is in them is shown as text, in files of plain ASCII. */

/** Control characters, marks that change the direction of text, what has no width, and halves of characters: as `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function references(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => `&#x${(character.codePointAt(0) ?? 0).toString(16)};`);
}

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and quoted attributes of HTML and SVG. */
export function escapeHtml(text: string): string {
  return references(visible(text).replace(/[&<>"']/g, (character) => HTML[character] ?? ''));
}

/** For text within a line or a table cell of Markdown (CommonMark 0.31, 2.4; GitHub's tables and autolinks). */
export function escapeMarkdown(text: string): string {
  return references(visible(text).replace(/[\\`*_{}[\]<>|~#&!@:$]/g, (character) => `\\${character}`).replace(/www\./gi, (word) => `${word.slice(0, -1)}\\.`));
}
