/** DSSE envelope (Dead Simple Signing Envelope v1) in a sigstore bundle v0.3 with a public key as verification material; no transparency log. */
import { canonicalize } from 'json-canonicalize';
import { signatureOf, type ParsedKey, type SigningKey } from './keys.js';
import { PAYLOAD_TYPE } from './statement.js';

/** Text of the bundle: canonical JSON and a newline. */
export async function signBundle(payload: Buffer, key: SigningKey): Promise<string> {
  const [{ DSSEBundleBuilder }, { bundleToJSON }] = await Promise.all([import('@sigstore/sign'), import('@sigstore/bundle')]);
  const publicKey = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const signer = { sign: async (data: Buffer) => ({ signature: await signatureOf(key, data), key: { $case: 'publicKey' as const, publicKey, hint: key.id } }) };
  const bundle = await new DSSEBundleBuilder({ signer, witnesses: [] }).create({ data: payload, type: PAYLOAD_TYPE });
  // Verifiers in Go compare a key id of the envelope with one they make of the key, in a way of their own; the bundle's hint names the key.
  for (const signature of bundle.content.dsseEnvelope.signatures) signature.keyid = '';
  return `${canonicalize(bundleToJSON(bundle))}\n`;
}

/**
 * Whether `text` is a bundle that {@link signBundle} could have written, signed by one of the keys. Every byte of it counts.
 * @returns the key and what was signed, or why not in words
 */
export async function verifyBundle(text: string, keys: readonly ParsedKey[]): Promise<{ readonly key: ParsedKey; readonly payload: Buffer } | string> {
  const [{ toSignedEntity, toTrustMaterial, Verifier }, { bundleFromJSON, bundleToJSON, isBundleWithDsseEnvelope, isBundleWithPublicKey }] =
    await Promise.all([import('@sigstore/verify'), import('@sigstore/bundle')]);
  let bundle: ReturnType<typeof bundleFromJSON>;
  try {
    bundle = bundleFromJSON(JSON.parse(text));
  } catch {
    return 'it is no sigstore bundle';
  }
  if (!isBundleWithDsseEnvelope(bundle) || !isBundleWithPublicKey(bundle)) return 'it is not a signed statement with a public key';
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  const { hint } = bundle.verificationMaterial.content.publicKey;
  const key = keys.find(({ id }) => id === hint);
  if (key === undefined) return 'it is of a key that is not trusted';
  // What no signature covers must have the one form in which it is written.
  const written = payloadType === PAYLOAD_TYPE && bundle.mediaType === 'application/vnd.dev.sigstore.bundle.v0.3+json' && signatures[0]?.keyid === ''
    && bundle.verificationMaterial.tlogEntries.length === 0 && `${canonicalize(bundleToJSON(bundle))}\n` === text;
  if (!written) return 'it is not in the form in which it is written';
  const trust = toTrustMaterial({ mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] },
    () => ({ publicKey: key.publicKey, validFor: () => true }));
  try {
    new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundle));
  } catch {
    return 'its signature does not match';
  }
  return { key, payload };
}
