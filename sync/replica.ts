/**
 * One replica of the bucket: the verbs push, pull and sync over a Tree, a Bucket and a State. Looks, plans, carries out,
 * and plans again when something moved meanwhile. The way of a run: refresh what the bucket has (R29), scan the tree
 * (R1), bring both together (facts.ts), decide (plan.ts, pure), judge deletions (deletions.ts), carry out (apply.ts).
 * One run at a time. It never decides from an old plan: after a kill the next run plans again (R23).
 */
import { fail, faultOf, MhnosError, ok, type Fault, type Result } from '../protocol/errors.ts';
import { isWithin } from '../protocol/paths.ts';
import { applyPlan, type Applied } from './apply.ts';
import { judgeDeletions } from './deletions.ts';
import { gatherFacts } from './facts.ts';
import { IGNORE_FILE, makeRules, type Rules } from './ignore.ts';
import { Remembered } from './memory.ts';
import { deviceTag } from './names.ts';
import { inParallel } from './parallel.ts';
import { plan as makePlan, type PathFacts, type Plan } from './plan.ts';
import type { Bucket, Clock, HeldDeletion, State, Tree } from './ports.ts';
import { refreshRemote } from './remote.ts';
import type { Progress, Report, Step, TransferOptions, Verb } from './report.ts';
import { scanTree, type ScanOutput } from './scan.ts';

export interface ReplicaOptions {
  readonly tree: Tree;
  readonly bucket: Bucket;
  readonly state: State;
  readonly clock: Clock;
  /** how this replica is called in the names of conflict copies */
  readonly device: string;
  readonly box: boolean;
}

export interface RunOptions extends TransferOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal: AbortSignal;
  /** ms; a deletion seen for less is left for the next look (R10: the watcher waits ten seconds) */
  readonly deletionDelay?: number;
}

/** Conflict copies in one plan above which a person is asked (R8). */
const MANY_CONFLICTS = 20;
/** A run plans again while things move under it, and then says so. */
const ROUNDS = 5;

export const DEFAULT_OPTIONS: TransferOptions = {
  root: '',
  dryRun: false,
  exclude: [],
  force: false,
  deletions: false,
  yes: false,
  wait: true,
  defaultExcludes: true,
};

export class Replica {
  readonly #o: ReplicaOptions;
  #remembered: Remembered | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #deletionsSeen = new Map<string, number>();
  /** answered with `deletions apply`: go in the next run */
  #approved: ReadonlySet<string> = new Set();
  /** number of the last commit that the bridge acknowledged; what `ready` is asked for */
  #lastNumber = 0;
  #stillWriting: { path: string; fault: Fault }[] = [];

  constructor(options: ReplicaOptions) {
    this.#o = options;
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }
  /** files that the last run found being written (R22) */
  get stillWriting(): readonly { path: string; fault: Fault }[] {
    return this.#stillWriting;
  }

  /** What is remembered, for status lines. Loads it where no run has yet. */
  async remembered(): Promise<Remembered> {
    this.#remembered ??= await Remembered.load(this.#o.state);
    return this.#remembered;
  }

  run(verb: Verb, options: RunOptions): Promise<Result<Report>> {
    const next = this.#queue.then(
      () => this.#run(verb, options),
      () => this.#run(verb, options),
    );
    this.#queue = next.catch(() => {});
    return next;
  }

  /** `runtime deletions` (R10): `apply` lets the held deletions go in the next run, `restore` makes both sides have the files again. */
  async answerDeletions(action: 'list' | 'apply' | 'restore'): Promise<readonly HeldDeletion[]> {
    const remembered = await this.remembered();
    const held = remembered.memory.heldDeletions;
    if (action === 'apply') {
      this.#approved = new Set(held.map((h) => h.path));
    }
    if (action === 'restore') {
      // Without a base it is a union: the side that still has the file gives it to the other.
      await remembered.commit({ base: held.map((h) => [h.path, null] as const), memory: { heldDeletions: [] } });
    }
    return held;
  }

  // ------------------------------------------------------------ one run

  async #run(verb: Verb, options: RunOptions): Promise<Result<Report>> {
    const started = this.#o.clock.now();
    try {
      const memory = await this.remembered();
      const identity = await this.#identity(memory);
      if (!identity.ok) return identity;
      const total = new Total(verb, options);
      const markMissing = await this.#checkMarks(memory);
      for (let round = 0; round < ROUNDS; round++) {
        const more = await this.#round(verb, options, memory, total, round === 0 && markMissing);
        if (!more.ok) return more;
        if (!more.value) break;
        if (round === ROUNDS - 1) total.unsettled = true;
      }
      if (!options.dryRun) await this.#renewMark(memory);
      return ok(total.report(this.#o.clock.now() - started, memory.memory.heldDeletions, this.#stillWriting));
    } catch (error) {
      if (options.signal.aborted) return fail('ABORTED', 'stopped. What was done is done and remembered; the same command goes on from here.');
      if (error instanceof MhnosError) return { ok: false, fault: faultOf(error) };
      throw error;
    }
  }

  /** @returns whether another round is needed */
  async #round(verb: Verb, options: RunOptions, memory: Remembered, total: Total, markMissing: boolean): Promise<Result<boolean>> {
    const { tree, bucket, clock } = this.#o;
    const { signal } = options;
    options.onProgress?.(total.progress('scan'));
    const refreshed = await refreshRemote(bucket, memory, true);
    if (!refreshed.ok) return refreshed;
    signal.throwIfAborted();
    const { scan, rules } = await this.#scan(options, memory, total);
    this.#stillWriting = scan.stillWriting;
    await memory.commit({ scans: scan.rows });

    const verified = new Map<string, { etag: string; size: number; hash: string }>();
    let facts: PathFacts[] = [];
    let decided: Plan;
    for (;;) {
      facts = gatherFacts({
        root: options.root,
        base: memory.base,
        remote: memory.remote,
        scan,
        rules,
        traits: tree.traits,
        ops: new Set(memory.memory.ops),
        verified,
      });
      decided = makePlan(facts, {
        verb,
        box: this.#o.box,
        force: options.force,
        deletions: options.deletions,
        named: this.#isFile(options.root, scan, memory) ? options.root : null,
        ordered: new Set(memory.memory.orderedDeletions),
        device: deviceTag(this.#o.device),
        date: new Date(clock.now()).toISOString().slice(0, 10),
      });
      if (decided.compare.length === 0) break;
      options.onProgress?.(total.progress('compare'));
      const compared = await this.#compare(decided, verified, signal);
      if (!compared.ok) return compared;
      if (!compared.value) return ok(true);
    }
    const { plan, held } = await this.#judge(decided, facts, scan, options, memory, markMissing);
    total.countLeftOut(facts, plan, rules);
    const copies = plan.downloads.filter((d) => d.copyTo !== null).length;
    if (copies > MANY_CONFLICTS && !options.yes && !this.#o.box) {
      return fail('HELD_BACK', `${copies} files changed here and there. Nothing was changed. Say which side wins with s3push --force or s3pull --force, or keep both with --yes.`);
    }
    if (options.dryRun) {
      total.wouldDo(plan);
      return ok(false);
    }
    await memory.commit({ memory: { heldDeletions: held } });
    total.held = [...plan.held];
    if (stepsOf(plan) === 0) {
      if (plan.bases.length > 0) await memory.commit({ base: plan.bases });
      await memory.commit({ memory: { inStepAt: clock.now() } });
      return ok(false);
    }
    const lacks = await this.#reserve(plan);
    if (lacks !== null) return { ok: false, fault: lacks };
    total.begin(plan);
    // The journal (R23): an object that bears this id is ours, whatever happens to the answer.
    const op = clock.id();
    await memory.commit({ memory: { ops: [...memory.memory.ops, op].slice(-50) } });
    const applied = await applyPlan(plan, {
      tree,
      bucket,
      clock,
      memory,
      op,
      signal,
      ordered: options.deletions || this.#approved.size > 0,
      moved: (files, bytes) => {
        total.moved(files, bytes);
        options.onProgress?.(total.progress('transfer'));
      },
    });
    return this.#after(applied, plan, total, memory);
  }

  async #after(applied: Applied, plan: Plan, total: Total, memory: Remembered): Promise<Result<boolean>> {
    const { clock } = this.#o;
    total.took(applied);
    if (applied.number !== null) this.#lastNumber = Math.max(this.#lastNumber, applied.number);
    if (applied.deletions > 0) {
      this.#approved = new Set();
      const recent = [...memory.memory.recentDeletions.filter((r) => clock.now() - r.at < 10 * 60_000), { at: clock.now(), count: applied.deletions }];
      await memory.commit({ memory: { recentDeletions: recent } });
    }
    if (applied.stopped !== null) return { ok: false, fault: applied.stopped };
    if (!applied.again && plan.held.length === 0 && applied.held.length === 0) await memory.commit({ memory: { inStepAt: clock.now() } });
    return ok(applied.again);
  }

  // ------------------------------------------------------------ before the plan

  /** R9: which bucket this is, and whether it is an older one than we have seen. */
  async #identity(memory: Remembered): Promise<Result<null>> {
    const identity = await this.#o.bucket.identity();
    if (!identity.ok) return identity;
    const known = memory.memory;
    const { bucketId, generation } = identity.value;
    if (known.bucketId !== null && known.bucketId !== bucketId) {
      if (!this.#o.box) {
        return fail('CONFLICT', 'these files belong to another bucket. Nothing was changed. Files of this bucket are kept apart: use a tree of its own, or merge.');
      }
      await memory.commit({ forget: 'all', memory: { bucketId, generation, cursor: null, heldDeletions: [] } });
      return ok(null);
    }
    if (generation < known.generation) {
      await memory.commit({ forget: 'all', memory: { generation, cursor: null, heldDeletions: [] } });
      return ok(null);
    }
    if (known.bucketId === null || generation > known.generation) await memory.commit({ memory: { bucketId, generation } });
    return ok(null);
  }

  /** R9 and R10 a: the tree and the state must be of one day. @returns whether the tree's mark is gone */
  async #checkMarks(memory: Remembered): Promise<boolean> {
    const mark = await this.#o.tree.mark();
    const known = memory.memory;
    if (known.mark === null && known.nextMark === null) return false;
    if (mark === null) return true;
    if (mark !== known.mark && mark !== known.nextMark) await memory.commit({ forget: 'base', memory: { heldDeletions: [] } });
    return false;
  }

  /** In two steps, so that after a crash between them the tree bears a mark that the state knows. */
  async #renewMark(memory: Remembered): Promise<void> {
    const mark = this.#o.clock.id();
    await memory.commit({ memory: { nextMark: mark } });
    await this.#o.tree.setMark(mark);
    await memory.commit({ memory: { mark, nextMark: null } });
  }

  async #scan(options: RunOptions, memory: Remembered, total: Total): Promise<{ scan: ScanOutput; rules: Rules }> {
    const { tree, clock } = this.#o;
    const bare = makeRules({ box: this.#o.box, defaults: options.defaultExcludes, root: options.root, exclude: options.exclude, ignoreFiles: new Map() });
    const isKnown = (path: string): boolean => memory.base.has(path) || memory.remote.has(path);
    const known = this.#o.box ? foldersOf(memory) : null;
    const scan = await scanTree({
      tree,
      clock,
      root: options.root,
      rows: memory.scans,
      signal: options.signal,
      // A box's node_modules may hold a hundred thousand files: entered only where the bucket has some of it.
      enter: (folder) => known === null || bare.of(`${folder}/`) === 'send' || known.has(`${folder}/`),
      needsHash: (path) => isKnown(path) || bare.of(path) === 'send',
      onSeen: (files) => options.onProgress?.({ ...total.progress('scan'), files }),
    });
    const ignoreFiles = new Map<string, string>();
    if (!this.#o.box && options.defaultExcludes) await this.#readIgnoreFiles(scan, ignoreFiles);
    const rules = ignoreFiles.size === 0 ? bare : makeRules({ box: false, defaults: true, root: options.root, exclude: options.exclude, ignoreFiles });
    return { scan, rules };
  }

  async #readIgnoreFiles(scan: ScanOutput, into: Map<string, string>): Promise<void> {
    for (const [path, entry] of scan.entries) {
      if (path !== IGNORE_FILE && !path.endsWith(`/${IGNORE_FILE}`)) continue;
      const body = await this.#o.tree.body(path, entry.seen.stamp);
      if (body.ok && body.value.size < 1024 * 1024) into.set(path.slice(0, -IGNORE_FILE.length - 1), await body.value.text());
    }
  }

  #isFile(root: string, scan: ScanOutput, memory: Remembered): boolean {
    return root !== '' && (scan.entries.has(root) || memory.base.has(root) || memory.remote.has(root));
  }

  /** Fetches what can only be told apart by its bytes, and hashes it (R2, R9). @returns false: it moved meanwhile, look again */
  async #compare(plan: Plan, verified: Map<string, { etag: string; size: number; hash: string }>, signal: AbortSignal): Promise<Result<boolean>> {
    const { tree, bucket } = this.#o;
    let moved = false;
    let fault: Fault | null = null;
    await inParallel(plan.compare, bucket.concurrency, signal, async ({ path, etag, size }) => {
      if (fault !== null || moved) return;
      const got = await bucket.get(path, etag, signal);
      if (!got.ok) {
        if (got.fault.code === 'CONFLICT' || got.fault.code === 'NOT_FOUND') moved = true;
        else fault = got.fault;
        return;
      }
      const staged = await tree.stage(size);
      if (!staged.ok) {
        fault = staged.fault;
        return;
      }
      for await (const bytes of got.value.bytes) await staged.value.write(bytes);
      const { hash } = await staged.value.finish();
      await staged.value.discard();
      verified.set(path, { etag, size, hash });
    });
    return fault === null ? ok(!moved) : { ok: false, fault };
  }

  // ------------------------------------------------------------ deletions and room

  async #judge(
    plan: Plan,
    facts: readonly PathFacts[],
    scan: ScanOutput,
    options: RunOptions,
    memory: Remembered,
    markMissing: boolean,
  ): Promise<{ plan: Plan; held: readonly HeldDeletion[] }> {
    const now = this.#o.clock.now();
    const before = memory.memory.heldDeletions;
    const outside = before.filter((h) => !isWithin(h.path, options.root));
    let { deleteLocal, deleteRemote } = plan;
    if (deleteLocal.length + deleteRemote.length === 0) return { plan, held: outside };

    const delay = options.deletionDelay ?? 0;
    if (delay > 0) {
      const young = (path: string): boolean => {
        const first = this.#deletionsSeen.get(path) ?? now;
        this.#deletionsSeen.set(path, first);
        return now - first < delay;
      };
      deleteRemote = deleteRemote.filter((d) => !young(d.path));
    }
    const planned = new Set([...plan.deleteRemote, ...plan.deleteLocal].map((d) => d.path));
    for (const path of this.#deletionsSeen.keys()) if (!planned.has(path)) this.#deletionsSeen.delete(path);

    const all = [
      ...deleteRemote.map((d) => ({ path: d.path, hash: d.hash, on: 'local' as const })),
      ...deleteLocal.map((d) => ({ path: d.path, hash: d.hash, on: 'remote' as const })),
    ];
    // A person's own --delete and --yes are their answer already.
    if (options.deletions || options.yes) return { plan: { ...plan, deleteLocal, deleteRemote }, held: outside };
    const approved = new Set([...this.#approved, ...memory.memory.orderedDeletions]);
    if (markMissing) {
      const held = all.filter((d) => d.on === 'local' && !approved.has(d.path)).map((d) => ({ ...d, why: 'root-missing' as const, at: now }));
      const isHeld = new Set(held.map((h) => h.path));
      return { plan: { ...plan, deleteLocal, deleteRemote: deleteRemote.filter((d) => !isHeld.has(d.path)) }, held: [...outside, ...held] };
    }
    const judged = judgeDeletions({
      deletions: all,
      baseFiles: countFiles(memory.base.keys(), options.root),
      localFiles: countFiles(scan.entries.keys(), options.root),
      remoteFiles: countFiles(memory.remote.keys(), options.root),
      appeared: new Set(facts.filter((f) => f.base === null && f.local !== null).map((f) => f.local?.content.hash ?? '')),
      recent: memory.memory.recentDeletions,
      now,
      approved,
      heldBefore: new Set(before.map((h) => h.path)),
    });
    const go = new Set(judged.go.map((d) => d.path));
    return {
      plan: { ...plan, deleteLocal: deleteLocal.filter((d) => go.has(d.path)), deleteRemote: deleteRemote.filter((d) => go.has(d.path)) },
      held: [...outside, ...judged.held],
    };
  }

  /** R21: what the downloads need is there before the first byte moves. */
  async #reserve(plan: Plan): Promise<Fault | null> {
    const bytes = plan.downloads.reduce((sum, d) => sum + d.size, 0);
    if (bytes === 0) return null;
    const lacks = await this.#o.tree.lacks(bytes);
    if (lacks === null) return null;
    return {
      code: 'NO_SPACE',
      message: `${bytes} bytes are to come and ${lacks} of them do not fit. Nothing was fetched or deleted. Free some room (df, s3trash empty) or pull a part.`,
    };
  }
}

const stepsOf = (plan: Plan): number =>
  plan.uploads.length + plan.downloads.length + plan.modes.length + plan.deleteLocal.length + plan.deleteRemote.length;

function countFiles(keys: Iterable<string>, root: string): number {
  let count = 0;
  for (const key of keys) if (!key.endsWith('/') && isWithin(key, root)) count++;
  return count;
}

function foldersOf(memory: Remembered): Set<string> {
  const folders = new Set<string>();
  for (const map of [memory.base, memory.remote]) {
    for (const key of map.keys()) {
      for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) folders.add(key.slice(0, slash + 1));
    }
  }
  return folders;
}

/** What a run adds up to, over its rounds. */
class Total {
  readonly #verb: Verb;
  readonly #options: RunOptions;
  readonly #steps: Step[] = [];
  readonly #conflicts: { path: string; copy: string }[] = [];
  readonly #applyHeld: { path: string; fault: Fault }[] = [];
  held: { path: string; fault: Fault }[] = [];
  unsettled = false;
  #files = 0;
  #filesTotal = 0;
  #bytes = 0;
  #bytesTotal = 0;
  #equal = 0;
  #leftOut: Report['leftOut'] = { excluded: 0, defaults: {}, changedThere: 0, deletedThere: 0, changedHere: 0, deletedHere: 0 };

  constructor(verb: Verb, options: RunOptions) {
    this.#verb = verb;
    this.#options = options;
  }

  progress(phase: Progress['phase']): Progress {
    return { phase, files: this.#files, filesTotal: this.#filesTotal, bytes: this.#bytes, bytesTotal: this.#bytesTotal };
  }

  begin(plan: Plan): void {
    this.#filesTotal += stepsOf(plan);
    for (const step of [...plan.uploads.map((u) => u.content.size), ...plan.downloads.map((d) => d.size)]) this.#bytesTotal += step;
  }

  moved(files: number, bytes: number): void {
    this.#files += files;
    this.#bytes += bytes;
  }

  took(applied: Applied): void {
    this.#steps.push(...applied.steps);
    this.#conflicts.push(...applied.conflicts);
    this.#applyHeld.push(...applied.held);
  }

  wouldDo(plan: Plan): void {
    for (const u of plan.uploads) this.#steps.push({ kind: 'upload', path: u.path, size: u.content.size });
    for (const d of plan.downloads) {
      if (d.copyTo !== null) this.#steps.push({ kind: 'conflict-copy', path: d.copyTo, size: d.size });
      this.#steps.push({ kind: 'download', path: d.path, size: d.size });
    }
    for (const m of plan.modes) this.#steps.push({ kind: 'mode', path: m.path, size: 0 });
    for (const d of plan.deleteRemote) this.#steps.push({ kind: 'delete-remote', path: d.path, size: 0 });
    for (const d of plan.deleteLocal) this.#steps.push({ kind: 'delete-local', path: d.path, size: d.size });
    this.held = [...plan.held];
  }

  countLeftOut(facts: readonly PathFacts[], plan: Plan, rules: Rules): void {
    const defaults: Record<string, number> = {};
    let excluded = 0;
    for (const fact of facts) {
      if (fact.fault !== undefined || fact.rule === 'send' || fact.local === null || fact.path.endsWith('/')) continue;
      const folder = fact.rule === 'left-out' ? rules.defaultFolder(fact.path) : null;
      if (folder === null) excluded++;
      else defaults[folder] = (defaults[folder] ?? 0) + 1;
    }
    const { changedThere, deletedThere, changedHere, deletedHere, equal } = plan.counts;
    const leftOutHere = excluded + Object.values(defaults).reduce((sum, n) => sum + n, 0);
    this.#equal = equal;
    this.#leftOut = {
      excluded,
      defaults,
      changedThere,
      deletedThere,
      // What the lists leave out is told by its own numbers.
      changedHere: this.#verb === 'pull' ? changedHere : Math.max(0, changedHere - leftOutHere),
      deletedHere,
    };
  }

  report(ms: number, deletionsHeld: readonly HeldDeletion[], stillWriting: readonly { path: string; fault: Fault }[]): Report {
    const held = [...this.held, ...this.#applyHeld];
    if (this.unsettled) {
      held.push({ path: this.#options.root, fault: { code: 'CHANGED', message: 'files kept changing under this run; what was reached is kept. Run it again.' } });
    }
    return {
      verb: this.#verb,
      root: this.#options.root,
      dryRun: this.#options.dryRun,
      steps: this.#steps,
      filesMoved: this.#steps.filter((s) => s.kind === 'upload' || s.kind === 'download').length,
      bytesMoved: this.#steps.filter((s) => s.kind === 'upload' || s.kind === 'download').reduce((sum, s) => sum + s.size, 0),
      filesEqual: this.#equal,
      ms,
      held,
      conflicts: this.#conflicts,
      leftOut: this.#leftOut,
      deletionsHeld,
      box: 'unasked',
      stillWriting: stillWriting.map(({ path, fault }) => ({ path, process: fault.field === path ? undefined : fault.field })),
    };
  }
}
