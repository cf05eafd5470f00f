/** Removes stored releases that nobody can want any more. */
import { asDeployError } from '../errors.js';
import type { Emit, ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { lastSucceeded } from '../releases/index.js';

/** Failed releases whose logs are still worth a look. */
const KEEP_FAILED = 3;

interface PruneContext {
  readonly platform: Platform;
  readonly request: { readonly keep: number };
  readonly emit: Emit;
}

/** Keeps what runs, has traffic or is warm, the last `keep` that succeeded, and the last few of any outcome. A failure is a note, never fatal. */
export async function prune({ platform, request, emit }: PruneContext, live: ReleaseId): Promise<readonly ReleaseId[]> {
  try {
    const entries = await platform.state.ledger.entries();
    const recent = [...new Set(entries.map((entry) => entry.release).reverse())].slice(0, KEEP_FAILED);
    const journal = await platform.state.journal.read();
    const kept = new Set([live, ...Object.keys(await platform.list()), ...lastSucceeded(entries, request.keep), ...recent, ...Object.keys(journal?.from ?? {})]);
    const doomed = (await platform.state.releases.list()).map((release) => release.id).filter((id) => !kept.has(id));
    const removed: ReleaseId[] = [];
    for (const id of doomed) {
      try {
        await platform.remove(id);
        removed.push(id);
      } catch (thrown) {
        emit({ type: 'note', text: `the old release ${id} could not be removed: ${asDeployError(thrown).message}` });
      }
    }
    return removed;
  } catch (thrown) {
    emit({ type: 'note', text: `old releases could not be removed: ${asDeployError(thrown).message}` });
    return [];
  }
}
