/** Printable ASCII only: paths and commit subjects come from outside, and a terminal obeys control characters. */
export function printable(text: string, limit = 200): string {
  const plain = text.replace(/\p{Cc}/gu, ' ').replace(/[^\x20-\x7e]/gu, '?').replace(/ {2,}/g, ' ').trim();
  return plain.length > limit ? `${plain.slice(0, limit - 3)}...` : plain;
}
