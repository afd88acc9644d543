/**
 * A replica's State held in memory while the program runs, written through to the durable one: a run then costs no
 * reading of tables. In: a State nobody else writes. Out: maps that are always what the next start would read.
 */
import type { Base, Memory, RemoteEntry, ScanRow, State, StateChange } from './ports.ts';

export class Remembered {
  readonly base: Map<string, Base>;
  readonly scans: Map<string, ScanRow>;
  readonly remote: Map<string, RemoteEntry>;
  #memory: Memory;
  readonly #state: State;

  private constructor(state: State, memory: Memory, base: Map<string, Base>, scans: Map<string, ScanRow>, remote: Map<string, RemoteEntry>) {
    this.#state = state;
    this.#memory = memory;
    this.base = base;
    this.scans = scans;
    this.remote = remote;
  }

  static async load(state: State): Promise<Remembered> {
    const [memory, base, scans, remote] = [await state.memory(), await state.base(''), await state.scans(''), await state.remote('')];
    return new Remembered(state, memory, base, scans, remote);
  }

  get memory(): Memory {
    return this.#memory;
  }

  /** Durable first, then seen: what a run acts on is never ahead of what a crash leaves. */
  async commit(change: StateChange): Promise<void> {
    await this.#state.commit(change);
    if (change.forget === 'all' || change.forget === 'base') {
      this.base.clear();
      this.scans.clear();
    }
    if (change.forget === 'all' || change.forget === 'remote') this.remote.clear();
    assign(this.base, change.base);
    assign(this.scans, change.scans);
    assign(this.remote, change.remote);
    if (change.memory !== undefined) this.#memory = { ...this.#memory, ...change.memory };
  }
}

export function assign<T>(map: Map<string, T>, rows: readonly (readonly [string, T | null])[] | undefined): void {
  for (const [path, row] of rows ?? []) {
    if (row === null) map.delete(path);
    else map.set(path, row);
  }
}
