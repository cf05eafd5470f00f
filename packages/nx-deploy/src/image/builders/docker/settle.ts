/** The configuration that the image gets: the engine's without what differs from one build of the same thing to the next. */
import { plain } from '../../registry/plain.js';
import type { ImageConfig } from '../../oci.js';
import { badArchive } from './failures.js';
import type { Prepared } from './request.js';

/** What decides how it runs. Left out: ids and host names of build containers, the parent image, the version of the engine. */
const KEPT = ['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'WorkingDir', 'Labels', 'StopSignal', 'StopTimeout', 'Volumes', 'Healthcheck', 'Shell', 'OnBuild'] as const;
/** Where BuildKit keeps what `type=inline` asks for. */
const INLINE_CACHE = 'moby.buildkit.cache.v0';
const LONGEST_REASON = 160;

/** `time`: s since 1970, of the image and of every line of its history. @throws DeployError ND-IMAGE-INVALID when a secret's value stands in it */
export function settled(config: ImageConfig, { options, leaked }: Prepared, time: number): ImageConfig {
  const created = new Date(time * 1_000).toISOString();
  const given: Readonly<Record<string, unknown>> = config.config ?? {};
  const kept = Object.fromEntries(KEPT.flatMap((key) => (given[key] === undefined || given[key] === null ? [] : [[key, given[key]]])));
  const labels = { ...kept['Labels'] as Readonly<Record<string, string>> | undefined, ...options.labels };
  const cache = (config as unknown as Readonly<Record<string, unknown>>)[INLINE_CACHE];
  const { os, architecture, variant, rootfs } = config;
  const result: ImageConfig = {
    os, architecture, ...(variant === undefined || variant === '' ? {} : { variant }), created,
    config: { ...kept, ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }) },
    rootfs: { type: 'layers', diff_ids: rootfs.diff_ids },
    history: historyOf(config).map(({ created_by: by, comment, empty_layer: empty }) => ({
      created, ...(by === undefined ? {} : { created_by: by }), ...(comment === undefined ? {} : { comment }), ...(empty === true ? { empty_layer: true } : {}),
    })),
    ...(options.cacheTo.length > 0 && cache !== undefined ? { [INLINE_CACHE]: cache } : {}),
  };
  const secret = leaked(JSON.stringify(result));
  if (secret !== undefined) throw badArchive(`the value of the secret "${secret}" stands in the configuration of the image: the Dockerfile writes it into ENV, LABEL or a command`);
  return result;
}

/** Why each layer is there: the line of the Dockerfile, one per layer. */
export function reasonsOf(config: ImageConfig, { redact }: Prepared): readonly string[] {
  const lines = historyOf(config).filter(({ empty_layer: empty }) => empty !== true).map(({ created_by: by }) => by ?? '');
  const known = lines.length === config.rootfs.diff_ids.length;
  return config.rootfs.diff_ids.map((_, index) => {
    const line = known ? (lines[index] ?? '').replace(/^\/bin\/sh -c #\(nop\)\s+/, '') : '';
    return line === '' ? 'a layer of the Dockerfile or of its base' : plain(redact.replace(line), LONGEST_REASON);
  });
}

type History = NonNullable<ImageConfig['history']>;

/** It comes from outside: what is no text counts as not there. */
function historyOf({ history }: ImageConfig): History {
  if (!Array.isArray(history)) return [];
  return (history as readonly unknown[]).map((entry) => {
    const { created_by: by, comment, empty_layer: empty } = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>;
    return { ...(typeof by === 'string' ? { created_by: by } : {}), ...(typeof comment === 'string' && comment !== '' ? { comment } : {}), ...(empty === true ? { empty_layer: true } : {}) };
  });
}
