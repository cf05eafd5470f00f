import type { Ms } from '../model/index.js';

/** Resolves after so long, or at once when the signal says so. */
export function pause(ms: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) { resolve(); return; }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(1, ms));
    signal.addEventListener('abort', end, { once: true });
  });
}
