/** What checksums.txt cannot tell of, in a file that stands in it; only where there are links. */
export const LINKS = 'checksums.links.json';
/** Files that signing adds to a folder. None of them stands in checksums.txt. */
export const CHECKSUMS = 'checksums.txt';
/** DER signature of an ECDSA key over checksums.txt. */
export const CHECKSUMS_ECDSA = 'checksums.txt.sig';
export const CHECKSUMS_MINISIGN = 'checksums.txt.minisig';
export const STATEMENT = 'provenance.intoto.json';
export const BUNDLE = 'provenance.sigstore.json';

export const SIGNATURE_FILES: readonly string[] = [CHECKSUMS, CHECKSUMS_ECDSA, CHECKSUMS_MINISIGN, STATEMENT, BUNDLE];
