/**
 * A small world for the engine's tests: replicas over one bucket, a clock of their own, identifiers that repeat.
 * Not a test itself.
 */
import { createHash } from 'node:crypto';
import type { Result } from '../protocol/errors.ts';
import { MemoryBucket, MemoryState, MemoryStore, MemoryTree } from '../stores/memory.ts';
import type { Bucket, Clock, State, TreeTraits } from './ports.ts';
import { DEFAULT_OPTIONS, Replica, type RunOptions } from './replica.ts';
import type { Report, Verb } from './report.ts';

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export class TestClock implements Clock {
  time = Date.UTC(2026, 10, 24, 12);
  #ids = 0;
  now(): number {
    return this.time;
  }
  async wait(milliseconds: number): Promise<void> {
    this.time += milliseconds;
  }
  random(): number {
    return 0.5;
  }
  id(): string {
    return `id${String(++this.#ids).padStart(10, '0')}`;
  }
}

export interface TestReplica {
  readonly tree: MemoryTree;
  readonly state: State;
  readonly replica: Replica;
  run(verb: Verb, options?: Partial<RunOptions>): Promise<Report>;
  tryRun(verb: Verb, options?: Partial<RunOptions>): Promise<Result<Report>>;
}

export class World {
  readonly clock = new TestClock();
  readonly store = new MemoryStore({ hash: sha256, now: () => this.clock.now() });

  replica(device: string, how: { box?: boolean; traits?: Partial<TreeTraits>; state?: State; tree?: MemoryTree; bucket?: Bucket; room?: () => number } = {}): TestReplica {
    const tree =
      how.tree ??
      new MemoryTree({
        hash: sha256,
        now: () => this.clock.now(),
        ...(how.traits === undefined ? {} : { traits: how.traits }),
        ...(how.room === undefined ? {} : { room: how.room }),
      });
    const state = how.state ?? new MemoryState();
    const replica = new Replica({ tree, state, bucket: how.bucket ?? new MemoryBucket(this.store), clock: this.clock, device, box: how.box ?? false });
    const tryRun = (verb: Verb, options: Partial<RunOptions> = {}): Promise<Result<Report>> =>
      replica.run(verb, { ...DEFAULT_OPTIONS, signal: new AbortController().signal, ...options });
    return {
      tree,
      state,
      replica,
      tryRun,
      async run(verb, options) {
        const result = await tryRun(verb, options);
        if (!result.ok) throw new Error(`${result.fault.code}: ${result.fault.message}`);
        return result.value;
      },
    };
  }

  text(key: string): string | null {
    const object = this.store.objects.get(key);
    return object === undefined ? null : new TextDecoder().decode(object.bytes);
  }
  keys(): string[] {
    return [...this.store.objects.keys()].sort();
  }
}

export const text = (tree: MemoryTree, path: string): string | null => {
  const bytes = tree.read(path);
  return bytes === null ? null : new TextDecoder().decode(bytes);
};
