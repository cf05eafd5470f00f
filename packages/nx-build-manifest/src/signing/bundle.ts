/** DSSE envelope (Dead Simple Signing Envelope v1) in a sigstore bundle v0.3 with a public key as verification material; no transparency log. */
import { canonicalize } from 'json-canonicalize';
import { isRecord } from '../reading.js';
import { hasHighS, signatureOf, type ParsedKey, type SigningKey } from './keys.js';
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

/** What differs from one bundle to another, base64 the three of them. */
interface Parts {
  readonly payload: string;
  readonly sig: string;
  readonly hint: string;
}

/** A bundle in the one form in which {@link signBundle} writes it. */
function bundleOf({ payload, sig, hint }: Parts): object {
  return {
    dsseEnvelope: { payload, payloadType: PAYLOAD_TYPE, signatures: [{ sig }] },
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint }, timestampVerificationData: {} },
  };
}

function partsOf({ dsseEnvelope, verificationMaterial }: Readonly<Record<string, unknown>>): Parts | undefined {
  if (!isRecord(dsseEnvelope) || !isRecord(verificationMaterial)) return undefined;
  const { payload, signatures } = dsseEnvelope;
  const { publicKey } = verificationMaterial;
  const first: unknown = Array.isArray(signatures) ? signatures[0] : undefined;
  if (!isRecord(publicKey) || !isRecord(first)) return undefined;
  const { hint } = publicKey;
  const { sig } = first;
  return typeof payload === 'string' && typeof sig === 'string' && typeof hint === 'string' ? { payload, sig, hint } : undefined;
}

/** Exactly so: base64 with other bits at its end decodes to the same. */
function isBase64(text: string): boolean {
  return Buffer.from(text, 'base64').toString('base64') === text;
}

/**
 * Whether `text` is a bundle that {@link signBundle} could have written, signed by one of the keys. Every byte of it counts, so that what a stranger wrote
 * is compared with that form before anything else reads it.
 * @returns the key and what was signed, or why not in words
 */
export async function verifyBundle(text: string, keys: readonly ParsedKey[]): Promise<{ readonly key: ParsedKey; readonly payload: Buffer } | string> {
  const json = jsonOf(text);
  if (!isRecord(json) || !/^application\/vnd\.dev\.sigstore\.bundle\b/.test(String(json['mediaType']))) return 'it is no sigstore bundle';
  const parts = partsOf(json);
  if (parts === undefined) return 'it is not a signed statement with a public key';
  const key = keys.find(({ id }) => id === parts.hint);
  if (key === undefined) return 'it is of a key that is not trusted';
  const bundle = bundleOf(parts);
  if (`${canonicalize(bundle)}\n` !== text || !isBase64(parts.payload) || !isBase64(parts.sig)) return 'it is not in the form in which it is written';
  const why = await judged(bundle, key);
  if (why !== undefined) return why;
  if (key.type === 'ecdsa-p256' && await hasHighS(Buffer.from(parts.sig, 'base64'))) return 'it is not in the form in which it is written';
  return { key, payload: Buffer.from(parts.payload, 'base64') };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the library finds wrong with the signature. Anything else that it throws is no fault of the bundle. */
async function judged(json: object, key: ParsedKey): Promise<string | undefined> {
  const [{ toSignedEntity, toTrustMaterial, VerificationError, Verifier }, { bundleFromJSON, ValidationError }] = await Promise.all([import('@sigstore/verify'), import('@sigstore/bundle')]);
  const trust = toTrustMaterial({ mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] },
    () => ({ publicKey: key.publicKey, validFor: () => true }));
  try {
    new Verifier(trust, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 }).verify(toSignedEntity(bundleFromJSON(json)));
    return undefined;
  } catch (error) {
    if (error instanceof ValidationError || error instanceof VerificationError) return 'its signature does not match';
    throw error;
  }
}
