/** A Docker engine for specs: the one that there is, or one that is started for the file. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { find } from '../bench/programs.js';
import { dockerClient } from './client.js';
import { findEngine, lackOfEngine, startEngine } from './engine.js';
import { describeUnless } from './needs.spec-support.js';

export interface TestEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Absolute path of a client that can use BuildKit. */
  readonly client: string;
  /** DOCKER_HOST; a PATH on which `docker` is {@link client}; a DOCKER_CONFIG and a HOME without any login. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs the client; its standard output. Throws with what it printed. */
  docker(args: readonly string[], input?: Buffer): string;
  stop(): Promise<void>;
}

/** `own`: one that is started for the caller alone, whatever there is. Throws when there is none and none can be started: see {@link describeWithEngine}. */
export async function engineForTests(own = false): Promise<TestEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'nxd-'));
  try {
    const engine = (own ? undefined : await findEngine()) ?? await startEngine(join(folder, 'e'));
    const { file: client } = dockerClient();
    symlinkSync(client, join(folder, 'docker'));
    const env = { DOCKER_HOST: engine.host, PATH: [folder, process.env['PATH'] ?? ''].join(delimiter), HOME: folder, DOCKER_CONFIG: folder };
    return {
      host: engine.host, client, env,
      docker: (args, input) => execFileSync(client, [...args], { env, input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
      stop: async () => {
        await engine.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

export interface EngineNeeds {
  readonly programs?: readonly string[];
  /** Not the one that others use as well: for what there is one of on each engine. */
  readonly own?: boolean;
}

/** `describe` with an engine that runs from before its first test to after its last one. Where there can be none, or a program is missing: see {@link describeUnless}. */
export function describeWithEngine(name: string, body: (engine: () => TestEngine) => void, needs: readonly string[] | EngineNeeds = {}): void {
  const { programs = [], own = false }: EngineNeeds = 'length' in needs ? { programs: needs } : needs;
  const missing = programs.filter((program) => find(program) === undefined);
  const lack = missing.length > 0 ? `not installed: ${missing.join(', ')}` : own || process.env['DOCKER_HOST'] === undefined ? lackOfEngine() : undefined;
  describeUnless(lack, name, () => {
    let engine: TestEngine | undefined;
    beforeAll(async () => { engine = await engineForTests(own); });
    afterAll(() => engine?.stop());
    body(() => {
      if (engine === undefined) throw new Error('the engine runs only while tests run');
      return engine;
    });
  });
}
