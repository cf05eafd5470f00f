/** What builders and registries tell, as lines for people. */
import type { BuildEvent } from '../../image/builder.js';
import type { RegistryEvent } from '../../image/registry/index.js';
import type { Ms } from '../../model/index.js';
import { formatBytes } from '../../terminal/index.js';
import type { Output } from '../output.js';

export interface BuildListener {
  readonly onEvent: (event: BuildEvent) => void;
  /** How long each part took, in ms. */
  readonly phases: Readonly<Record<string, Ms>>;
}

export function listenTo(output: Output): BuildListener {
  const phases: Record<string, Ms> = {};
  const begun = new Map<string, number>();
  const transfer = transfers(output);
  return {
    phases,
    onEvent: (event) => {
      switch (event.type) {
        case 'registry': transfer(event.event); break;
        case 'output': output.event(event); break;
        case 'note': output.event(event); break;
        case 'phase': {
          const { phase, state } = event;
          if (state === 'start') begun.set(phase, performance.now());
          const ms = state === 'start' ? undefined : Math.round(event.ms ?? performance.now() - (begun.get(phase) ?? performance.now()));
          if (ms !== undefined) phases[phase] = (phases[phase] ?? 0) + ms;
          output.phase(phase, state, ms);
        }
      }
    },
  };
}

interface Sent {
  readonly bytes: number;
  readonly total: number;
  readonly done: boolean;
}

/** `pull: 12.3 MB of 45.6 MB, 3 of 7 layers`; how often that is shown is the output's concern. */
export function transfers(output: Output): (event: RegistryEvent) => void {
  const sent = { pull: new Map<string, Sent>(), push: new Map<string, Sent>() };
  const told = new Set<string>();
  return (event) => {
    if (event.state === 'again') {
      // Blobs that are sent side by side meet the same trouble at the same time: it is told once.
      const text = `${event.type}: ${event.why}; attempt ${event.attempt}`;
      if (!told.has(text)) output.event({ type: 'note', text });
      told.add(text);
      return;
    }
    if (event.state === 'tagged') {
      output.event({ type: 'note', text: `tagged ${event.tag}` });
      return;
    }
    const blobs = sent[event.type];
    blobs.set(event.digest, { bytes: event.bytes, total: event.total, done: event.state === 'done' });
    const all = [...blobs.values()];
    const sum = (of: (blob: Sent) => number): number => all.reduce((total, blob) => total + of(blob), 0);
    output.progress(`${event.type}: ${formatBytes(sum(({ bytes }) => bytes))} of ${formatBytes(sum(({ total }) => total))}, ${sum(({ done }) => Number(done))} of ${all.length} parts`);
  };
}
