/**
 * One followed process: puts its bytes in order over lost links, so that none is lost or doubled, and acknowledges what
 * was taken, which is what back-pressure runs on. In: frames as they come. Out: bytes to one watcher, in order.
 */
import type { Fault, Result } from './errors.ts';
import { ok } from './errors.ts';
import { LIMITS } from './limits.ts';
import type { Server } from './messages.ts';

export interface FollowEvents {
  /** Resolves when the bytes have been taken. */
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> | void;
  missed(bytes: number): void;
  notice(text: string): void;
  exit(exitCode: number | null, signal: string | null): void;
  failed(fault: Fault): void;
}

export interface FollowWire {
  attach(body: { pid: number; from?: number; tty: { columns: number; rows: number } | null }): Promise<Result<Server<'attached'>>>;
  detach(): void;
  input(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  taken(seq: number): void;
  ended(): void;
}

/** Acknowledge at least this often: a quarter of the window, so that the sender never waits on a link that keeps up. */
const TAKEN_EVERY = LIMITS.outputWindow / 4;

export class Follower {
  readonly pid: number;
  readonly #events: FollowEvents;
  readonly #wire: FollowWire;
  #tty: { columns: number; rows: number } | null;
  /** sequence number of the next byte wanted; null before the first attach */
  #next: number | null;
  #taken = 0;
  #acknowledged = 0;
  #chain: Promise<void> = Promise.resolve();
  #live = false;
  #wasLost = false;
  #over = false;
  #queued: Uint8Array[] = [];

  constructor(pid: number, from: number | null, tty: { columns: number; rows: number } | null, events: FollowEvents, wire: FollowWire) {
    this.pid = pid;
    this.#next = from;
    this.#tty = tty;
    this.#events = events;
    this.#wire = wire;
  }

  /** Attaches, or attaches again after a lost link, at the next byte wanted. */
  async begin(): Promise<Result<Server<'attached'>>> {
    const attached = await this.#wire.attach({ pid: this.pid, ...(this.#next === null ? {} : { from: this.#next }), tty: this.#tty });
    if (this.#over) return attached;
    if (!attached.ok) {
      if (this.#wasLost && attached.fault.code !== 'OFFLINE') this.failed(attached.fault);
      return attached;
    }
    if (this.#wasLost) this.#events.notice('the link is back');
    this.#wasLost = false;
    if (attached.value.missed > 0) this.#events.missed(attached.value.missed);
    this.#next = Math.max(this.#next ?? 0, attached.value.from);
    if (this.#taken < this.#next) this.#taken = this.#next;
    this.#acknowledged = 0;
    this.#live = true;
    for (const bytes of this.#queued.splice(0)) this.#wire.input(bytes);
    return ok(attached.value);
  }

  output(stream: 'stdout' | 'stderr', seq: number, bytes: Uint8Array): void {
    if (this.#over) return;
    // The first frames may overtake the answer to `attach`; they say where they begin.
    const next = this.#next ?? seq;
    if (seq + bytes.length <= next) return;
    const fresh = seq < next ? bytes.subarray(next - seq) : bytes;
    if (seq > next) this.#events.missed(seq - next);
    const end = seq + bytes.length;
    this.#next = end;
    this.#chain = this.#chain.then(async () => {
      await this.#events.output(stream, fresh);
      this.#taken = end;
      if (this.#taken - this.#acknowledged >= TAKEN_EVERY || this.#taken === this.#next) {
        this.#acknowledged = this.#taken;
        if (this.#live) this.#wire.taken(this.#taken);
      }
    });
  }

  exit(exitCode: number | null, signal: string | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.ended();
    void this.#chain.then(() => this.#events.exit(exitCode, signal));
  }

  lost(): void {
    if (!this.#wasLost && !this.#over) this.#events.notice('the link is lost; the process goes on, and this resumes by itself');
    this.#wasLost = true;
    this.#live = false;
  }

  failed(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.ended();
    void this.#chain.then(() => this.#events.failed(fault));
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += LIMITS.inputBytes) {
      const piece = bytes.slice(at, at + LIMITS.inputBytes);
      // Typed while the link was lost: kept, up to one frame, and sent when it is back.
      if (this.#live) this.#wire.input(piece);
      else if (this.#queued.length < 64) this.#queued.push(piece);
    }
  }

  resize(columns: number, rows: number): void {
    this.#tty = { columns, rows };
    if (this.#live) this.#wire.resize(columns, rows);
  }

  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.detach();
  }
}
