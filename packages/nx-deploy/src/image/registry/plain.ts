/** Text of others in messages: one line of printable ASCII, cut. */

/** Quotes text that may be anything, so that it can stand in a message. */
export function quoted(text: string, limit = 120): string {
  return `"${plain(text, limit)}"`;
}

/** Everything but printable ASCII is escaped; white space becomes one space. */
export function plain(text: string, limit = 300): string {
  const short = text.slice(0, limit);
  const line = short.replace(/[\t\r\n ]+/g, ' ').replace(/[^ -~]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return short.length < text.length ? `${line}...` : line;
}

/** An address without what may be secret in it: user, password and query (signed addresses carry their right of access there). */
export function printable(url: URL): string {
  return plain(`${url.protocol}//${url.host}${url.pathname}`, 200);
}
