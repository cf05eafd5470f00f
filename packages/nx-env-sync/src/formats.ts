/** The formats a schema may ask for. Each is decided here, so that the same file passes on every machine. */
export type FormatName = 'uri' | 'email' | 'port' | 'duration';

const EMAIL = /^[^\s@"<>()]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** Absolute, without spaces or control characters (RFC 3986, with the parser of the WHATWG URL standard). */
function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text) && URL.canParse(text);
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535;
}

export const formats: Readonly<Record<FormatName, (text: string) => boolean>> = {
  uri: isUri,
  email: (text) => text.length <= 254 && EMAIL.test(text),
  port: isPort,
  duration: (text) => DURATION.test(text),
};

/** How a problem describes each format. */
export const formatHints: Readonly<Record<string, string>> = {
  uri: 'must be an absolute URI such as https://host/path',
  email: 'must be an e-mail address',
  port: 'must be a port from 1 to 65535',
  duration: 'must be a duration such as 500ms, 30s, 5m, 1h or 1h30m',
};
