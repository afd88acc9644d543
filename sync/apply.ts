/**
 * Carries a plan out: uploads, conflict copies, downloads, modes, and deletions last (R31). Every step names the version
 * it expects; a side that moved on makes the step end with CONFLICT or CHANGED, and the caller plans again.
 * In: a plan. Out: what was done, what was not and why. The base moves with each result, in small transactions.
 */
import { fail, ok, type ErrorCode, type Fault, type Result } from '../protocol/errors.ts';
import { parentOf } from '../protocol/paths.ts';
import type { Remembered } from './memory.ts';
import { inParallel } from './parallel.ts';
import type { Download, LocalDeletion, ModeChange, Plan, RemoteDeletion, Upload } from './plan.ts';
import type { Base, Bucket, Clock, RemoteEntry, ScanRow, Seen, StateChange, Tree } from './ports.ts';
import { DIR_CONTENT } from './scan.ts';
import type { Step } from './report.ts';

export interface ApplyContext {
  readonly tree: Tree;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly memory: Remembered;
  readonly op: string;
  readonly signal: AbortSignal;
  /** deletions in the bucket carry a person's order (R10) */
  readonly ordered: boolean;
  readonly moved: (files: number, bytes: number) => void;
}

export interface Applied {
  readonly steps: Step[];
  readonly held: { path: string; fault: Fault }[];
  readonly conflicts: { path: string; copy: string }[];
  /** something moved under the plan: plan again */
  again: boolean;
  /** the whole run cannot go on: no link, store down, disk full */
  stopped: Fault | null;
  /** highest number the bridge gave to what was committed; null when nothing was */
  number: number | null;
  deletions: number;
}

/** These end the run, the rest of the plan would fail alike. */
const FATAL: ReadonlySet<ErrorCode> = new Set(['OFFLINE', 'STORE_UNREACHABLE', 'STORE_REFUSED', 'ABORTED', 'NO_SPACE', 'TIMEOUT', 'NOT_PAIRED']);
const AGAIN: ReadonlySet<ErrorCode> = new Set(['CONFLICT', 'CHANGED', 'NOT_FOUND']);
/** results kept before they are written down: a crash costs at most so many HEADs, and a transaction is not made for each */
const FLUSH_EVERY = 100;

export async function applyPlan(plan: Plan, context: ApplyContext): Promise<Applied> {
  const run = new Run(context);
  await run.transfers(plan);
  if (run.out.stopped === null) await run.deletions(plan);
  await run.flush();
  return run.out;
}

class Run {
  readonly out: Applied = { steps: [], held: [], conflicts: [], again: false, stopped: null, number: null, deletions: 0 };
  readonly #c: ApplyContext;
  #base: [string, Base | null][] = [];
  #scans: [string, ScanRow | null][] = [];
  #remote: [string, RemoteEntry | null][] = [];
  #uploaded: { key: string; etag: string }[] = [];

  constructor(context: ApplyContext) {
    this.#c = context;
  }

  async transfers(plan: Plan): Promise<void> {
    const { bucket, signal, memory } = this.#c;
    if (plan.bases.length > 0) await memory.commit({ base: plan.bases });
    const jobs: (() => Promise<void>)[] = [
      ...plan.modes.map((m) => () => this.#mode(m)),
      ...plan.downloads.map((d) => () => this.#download(d)),
      ...plan.uploads.map((u) => () => this.#upload(u)),
    ];
    await inParallel(jobs, bucket.concurrency, signal, async (job) => {
      if (this.out.stopped !== null) return;
      await job();
      if (this.#base.length >= FLUSH_EVERY) await this.flush();
    });
  }

  // ------------------------------------------------------------ each kind of step

  async #upload(step: Upload): Promise<void> {
    const { tree, bucket, op, signal, moved } = this.#c;
    const { path, content } = step;
    if (content.size > bucket.maxPutBytes) {
      this.#hold(path, tooLarge(path, content.size, bucket.maxPutBytes));
      return;
    }
    const body = content.kind === 'dir' ? ok(new Blob()) : await tree.body(path, step.stamp);
    if (!body.ok) {
      this.#failed(path, body.fault);
      return;
    }
    let { condition } = step;
    if (step.displaces && condition !== null) {
      // --force: the version there goes to the bucket's trash, then ours takes the free place.
      const [gone] = await this.#deleteRemote([{ path, etag: condition, hash: '' }]);
      if (gone !== undefined && !gone.ok) {
        this.#failed(path, gone.fault);
        return;
      }
      condition = null;
    }
    let sent = 0;
    const put = await bucket.put({
      key: path,
      body: body.value,
      content,
      condition,
      op,
      signal,
      onProgress: (bytes) => {
        moved(0, bytes - sent);
        sent = bytes;
      },
    });
    if (!put.ok) {
      moved(0, -sent);
      this.#failed(path, put.fault);
      return;
    }
    moved(1, content.size - sent);
    this.out.steps.push({ kind: 'upload', path, size: content.size });
    this.#base.push([path, { ...content, etag: put.value.etag }]);
    this.#remote.push([path, { key: path, etag: put.value.etag, size: content.size, modified: this.#c.clock.now(), kind: content.kind, exec: content.exec, hash: content.hash, op }]);
    this.#uploaded.push({ key: path, etag: put.value.etag });
  }

  async #download(step: Download): Promise<void> {
    const { tree, moved } = this.#c;
    const { path } = step;
    if (step.kind === 'dir') {
      const placed = await this.#placeFolder(path);
      if (!placed.ok) this.#failed(path, placed.fault);
      else {
        this.#base.push([path, { ...DIR_CONTENT, etag: step.etag }]);
        moved(1, 0);
        this.out.steps.push({ kind: 'download', path, size: 0 });
      }
      return;
    }
    const staged = await tree.stage(step.size);
    if (!staged.ok) {
      this.#failed(path, staged.fault);
      return;
    }
    let placed = false;
    try {
      const body = await this.#fetch(step, (bytes) => staged.value.write(bytes));
      if (!body.ok) {
        this.#failed(path, body.fault);
        return;
      }
      const { hash, size } = await staged.value.finish();
      if (step.copyTo !== null && step.expect !== null) {
        const copied = await tree.copy(path, step.copyTo, step.expect);
        if (!copied.ok) {
          this.#failed(path, copied.fault);
          return;
        }
        this.out.conflicts.push({ path, copy: step.copyTo });
        this.out.steps.push({ kind: 'conflict-copy', path: step.copyTo, size: copied.value.size });
        this.out.again = true;
      }
      const result = await tree.place(staged.value, {
        path,
        kind: step.kind,
        exec: step.exec,
        hash,
        expect: step.expect,
        displacedHash: step.displacedHash,
      });
      if (!result.ok) {
        this.#failed(path, result.fault);
        return;
      }
      placed = true;
      if (result.value.rescued !== undefined) {
        this.out.conflicts.push({ path, copy: result.value.rescued });
        this.out.again = true;
      }
      const content = { kind: step.kind, hash, size, exec: tree.traits.hasExec ? step.exec : false };
      this.#base.push([path, { ...content, exec: step.exec, etag: step.etag }]);
      this.#seen(path, result.value.seen, content);
      moved(1, 0);
      this.out.steps.push({ kind: 'download', path, size });
    } finally {
      if (!placed) await staged.value.discard();
    }
  }

  async #fetch(step: Download, write: (bytes: Uint8Array) => Promise<void>): Promise<Result<null>> {
    const { bucket, signal, moved } = this.#c;
    const got = await bucket.get(step.path, step.etag, signal);
    if (!got.ok) return got;
    let size = 0;
    try {
      for await (const bytes of got.value.bytes) {
        await write(bytes);
        size += bytes.length;
        moved(0, bytes.length);
      }
    } catch (error) {
      signal.throwIfAborted();
      return fail('STORE_UNREACHABLE', `the download of ${step.path} broke off (${error instanceof Error ? error.message : 'no reason given'}). What was here is as it was. Run the command again.`, step.path);
    }
    if (size !== step.size) return fail('CHANGED', 'changed in the bucket while it was fetched', step.path);
    return ok(null);
  }

  async #placeFolder(path: string): Promise<Result<null>> {
    const { tree } = this.#c;
    const staged = await tree.stage(0);
    if (!staged.ok) return staged;
    await staged.value.finish();
    const placed = await tree.place(staged.value, { path: path.slice(0, -1), kind: 'dir', exec: false, hash: DIR_CONTENT.hash, expect: null, displacedHash: null });
    return placed.ok ? ok(null) : placed;
  }

  async #mode(step: ModeChange): Promise<void> {
    const { tree, moved } = this.#c;
    const set = tree.traits.hasExec ? await tree.setExec(step.path, step.base.exec, step.expect) : null;
    if (set !== null && !set.ok) {
      this.#failed(step.path, set.fault);
      return;
    }
    const { etag: _etag, ...content } = step.base;
    this.#base.push([step.path, step.base]);
    if (set !== null) this.#seen(step.path, set.value, content);
    moved(1, 0);
    this.out.steps.push({ kind: 'mode', path: step.path, size: 0 });
  }

  // ------------------------------------------------------------ deletions

  async deletions(plan: Plan): Promise<void> {
    await this.flush();
    const there = await this.#deleteRemote(plan.deleteRemote);
    for (const [i, step] of plan.deleteRemote.entries()) {
      const result = there[i];
      if (result === undefined || this.out.stopped !== null) continue;
      if (!result.ok) {
        this.#failed(step.path, result.fault);
        continue;
      }
      this.#gone(step.path, 'delete-remote', 0);
    }
    await inParallel(plan.deleteLocal, this.#c.bucket.concurrency, this.#c.signal, async (step) => {
      if (this.out.stopped === null) await this.#deleteLocal(step);
    });
    await this.#emptyFolders(plan.deleteLocal);
  }

  async #deleteRemote(steps: readonly RemoteDeletion[]): Promise<readonly Result<null>[]> {
    const results: Result<null>[] = [];
    for (let at = 0; at < steps.length; at += 1000) {
      this.#c.signal.throwIfAborted();
      const part = steps.slice(at, at + 1000);
      const answer = await this.#c.bucket.delete(part.map((s) => ({ key: s.path, etag: s.etag, ordered: this.#c.ordered })));
      results.push(...(answer.ok ? answer.value : part.map(() => answer)));
    }
    return results;
  }

  /** R3: the bucket confirms the absence, and that it is the bucket we know, before anything goes here. */
  async #deleteLocal(step: LocalDeletion): Promise<void> {
    const { tree, bucket, memory } = this.#c;
    const head = await bucket.head(step.path);
    if (!head.ok) {
      this.#failed(step.path, head.fault);
      return;
    }
    const known = memory.memory;
    if (head.value.found || head.value.bucketId !== known.bucketId || head.value.generation < known.generation) {
      this.out.again = true;
      return;
    }
    if (step.path.endsWith('/')) {
      await tree.removeEmptyFolder(step.path.slice(0, -1));
      this.#gone(step.path, 'delete-local', 0);
      return;
    }
    const removed = await tree.remove(step.path, step.stamp, step.hash);
    if (!removed.ok) this.#failed(step.path, removed.fault);
    else this.#gone(step.path, 'delete-local', step.size);
  }

  /** A folder exists by its files (R4): one that a deletion emptied goes, unless the bucket has it as an empty folder. */
  async #emptyFolders(steps: readonly LocalDeletion[]): Promise<void> {
    const { tree, memory } = this.#c;
    const folders = new Set<string>();
    for (const { path } of steps) for (let f = parentOf(path); f !== ''; f = parentOf(f)) folders.add(f);
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      if (!memory.remote.has(`${folder}/`)) await tree.removeEmptyFolder(folder);
    }
  }

  #gone(path: string, kind: Step['kind'], size: number): void {
    this.out.deletions++;
    this.out.steps.push({ kind, path, size });
    this.#base.push([path, null]);
    this.#remote.push([path, null]);
    this.#scans.push([path, null]);
    this.#c.moved(1, 0);
  }

  // ------------------------------------------------------------ results

  #seen(path: string, seen: Seen, content: ScanRow['content']): void {
    this.#scans.push([path, { stamp: seen.stamp, content, at: this.#c.clock.now() }]);
  }

  #hold(path: string, fault: Fault): void {
    this.out.held.push({ path, fault });
  }

  #failed(path: string, fault: Fault): void {
    if (FATAL.has(fault.code)) this.out.stopped ??= fault;
    else if (AGAIN.has(fault.code)) this.out.again = true;
    else this.#hold(path, fault);
  }

  /** Writes down what was reached, and tells the bridge what was put. */
  async flush(): Promise<void> {
    const change: StateChange = { base: this.#base.splice(0), scans: this.#scans.splice(0), remote: this.#remote.splice(0) };
    const uploaded = this.#uploaded.splice(0);
    if ((change.base?.length ?? 0) + (change.scans?.length ?? 0) + (change.remote?.length ?? 0) > 0) await this.#c.memory.commit(change);
    if (uploaded.length === 0) return;
    const committed = await this.#c.bucket.commit(this.#c.op, uploaded);
    if (committed.ok) this.out.number = Math.max(this.out.number ?? 0, committed.value.number);
    else this.out.stopped ??= committed.fault;
  }
}

const tooLarge = (path: string, size: number, limit: number): Fault => ({
  code: 'UPLOAD_TOO_LARGE',
  message: `${path} has ${size} bytes; this store takes ${limit} in one upload. Nothing of it was uploaded. Set S3_MAX_OBJECT or leave it out with --exclude.`,
  field: path,
});
