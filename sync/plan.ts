/**
 * Decides what each side must change to agree. Pure: no I/O, clock or randomness; the order of the input changes nothing.
 * In: for every path what both sides last agreed on and what each side has. Out: steps for each side, what must be
 * looked at first, what is held back and why, and counts. Never plans an overwrite or a deletion that does not name the
 * version it expects to find. Carrying out is apply.ts; mass deletions are judged in deletions.ts. Rules: R5 to R17.
 *
 * Paths are bucket keys here: an empty folder ends in `/`.
 */
import type { Fault } from '../protocol/errors.ts';
import { compareKeys } from '../protocol/paths.ts';
import { conflictPath } from './names.ts';
import type { Base, Content, Kind } from './ports.ts';

export type PlanVerb = 'push' | 'pull' | 'sync';

export interface LocalSide {
  readonly content: Content;
  readonly stamp: string;
  /** a folder that exists by its files: it equals an empty-folder object, and is never sent as one (R4) */
  readonly implied?: boolean;
}
export interface RemoteSide {
  readonly etag: string;
  readonly size: number;
  /** null where an outsider's upload left no metadata */
  readonly kind: Kind | null;
  readonly exec: boolean | null;
  /** SHA-256 that this replica verified for this (etag, size); null: not known (R2) */
  readonly hash: string | null;
}

/** `left-out`: never sent of its own accord (R17). `frozen`: neither side changes (R11). */
export type PathRule = 'send' | 'left-out' | 'frozen';

export interface PathFacts {
  readonly path: string;
  readonly base: Base | null;
  readonly local: LocalSide | null;
  readonly remote: RemoteSide | null;
  readonly rule: PathRule;
  /** why it is frozen, where people must know; absent when they asked for it (--exclude) */
  readonly fault?: Fault;
}

export interface PlanOptions {
  readonly verb: PlanVerb;
  /** the box holds back where a browser takes over (R17), and has nobody to ask */
  readonly box: boolean;
  readonly force: boolean;
  readonly deletions: boolean;
  /** a file that was named outright: put back, brought back (R14) */
  readonly named: string | null;
  /** paths whose deletion in the bucket a person ordered: what stayed here is not sent again (R31) */
  readonly ordered: ReadonlySet<string>;
  /** [A-Za-z0-9-]{1,24} */
  readonly device: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

export interface Upload {
  readonly path: string;
  readonly content: Content;
  readonly stamp: string;
  /** null: must not exist; an etag: must be that version (R19) */
  readonly condition: string | null;
  /** `--force`: what is there goes to the trash first */
  readonly displaces: boolean;
}
export interface Download {
  readonly path: string;
  readonly etag: string;
  readonly size: number;
  readonly kind: Kind;
  readonly exec: boolean;
  /** what is to be replaced, as the plan saw it; null: nothing may be there */
  readonly expect: string | null;
  readonly displacedHash: string | null;
  /** R8: where the local content is kept first */
  readonly copyTo: string | null;
}
export interface ModeChange {
  readonly path: string;
  readonly base: Base;
  readonly expect: string;
}
export interface RemoteDeletion {
  readonly path: string;
  readonly etag: string;
  readonly hash: string;
}
export interface LocalDeletion {
  readonly path: string;
  readonly stamp: string;
  readonly hash: string;
  readonly size: number;
  /** the bucket version whose absence must be confirmed first (R3) */
  readonly etag: string;
}

export interface Plan {
  readonly uploads: Upload[];
  readonly downloads: Download[];
  readonly modes: ModeChange[];
  readonly deleteRemote: RemoteDeletion[];
  readonly deleteLocal: LocalDeletion[];
  /** agreed without moving anything */
  readonly bases: [string, Base | null][];
  /** whose remote content must be fetched and hashed before anything can be said */
  readonly compare: { readonly path: string; readonly etag: string; readonly size: number }[];
  readonly held: { readonly path: string; readonly fault: Fault }[];
  readonly counts: { equal: number; changedThere: number; deletedThere: number; changedHere: number; deletedHere: number; takenOver: number };
}

const emptyPlan = (): Plan => ({
  uploads: [],
  downloads: [],
  modes: [],
  deleteRemote: [],
  deleteLocal: [],
  bases: [],
  compare: [],
  held: [],
  counts: { equal: 0, changedThere: 0, deletedThere: 0, changedHere: 0, deletedHere: 0, takenOver: 0 },
});

/** Makes the plan. Every list is in byte order of the path. */
export function plan(facts: Iterable<PathFacts>, options: PlanOptions): Plan {
  const out = emptyPlan();
  const sorted = [...facts].sort((a, b) => compareKeys(a.path, b.path));
  for (const fact of sorted) decide(fact, options, out);
  return out;
}

type Change = 'none' | 'edited' | 'deleted';

/** What the bucket's side amounts to, as far as it is known. A missing kind or bit: the base's where the content is the base's, else a plain file's (R5). */
function remoteContent(remote: RemoteSide, base: Base | null): { kind: Kind; exec: boolean; hash: string | null } {
  const sameVersion = base !== null && remote.etag === base.etag && remote.size === base.size;
  const hash = remote.hash ?? (sameVersion ? base.hash : null);
  const like = base !== null && hash === base.hash ? base : null;
  return { hash, kind: remote.kind ?? like?.kind ?? 'file', exec: remote.exec ?? like?.exec ?? false };
}

function localChange(local: LocalSide | null, base: Base | null): Change {
  if (local === null) return base === null ? 'none' : 'deleted';
  if (base === null) return 'edited';
  const c = local.content;
  return c.hash === base.hash && c.kind === base.kind && c.exec === base.exec ? 'none' : 'edited';
}

function remoteChange(remote: RemoteSide | null, base: Base | null): Change {
  if (remote === null) return base === null ? 'none' : 'deleted';
  if (base === null) return 'edited';
  const content = remoteContent(remote, base);
  const same = content.hash === base.hash && content.kind === base.kind && content.exec === base.exec;
  return same ? 'none' : 'edited';
}

function decide(fact: PathFacts, options: PlanOptions, out: Plan): void {
  const { base, local, remote, path } = fact;
  if (fact.rule === 'frozen') {
    if (fact.fault !== undefined) out.held.push({ path, fault: fact.fault });
    return;
  }
  const here = localChange(local, base);
  const there = remoteChange(remote, base);

  if (here === 'none' && there === 'none') {
    // Same content under a new etag (an outsider's PUT of equal bytes, a copy): the base follows.
    if (base !== null && remote !== null && remote.etag !== base.etag) out.bases.push([path, { ...base, etag: remote.etag }]);
    if (base !== null) out.counts.equal++;
    return;
  }
  if (here === 'deleted' && there === 'deleted') {
    out.bases.push([path, null]);
    return;
  }
  if (local?.implied === true) {
    // The folder has files: an object for the empty folder is neither missed nor minded.
    out.bases.push([path, remote === null ? null : { ...local.content, etag: remote.etag }]);
    return;
  }
  if (local !== null && remote !== null && here === 'edited' && there === 'edited') {
    bothHere(fact, local, remote, options, out);
    return;
  }
  if (there === 'none') localOnly(fact, here, options, out);
  else if (here === 'none') remoteOnly(fact, there, options, out);
  else if (there === 'edited' && remote !== null) deletedHereEditedThere(fact, remote, options, out);
  else if (local !== null) editedHereDeletedThere(fact, local, options, out);
}

/** Present on both sides and neither is what was agreed. */
function bothHere(fact: PathFacts, local: LocalSide, remote: RemoteSide, options: PlanOptions, out: Plan): void {
  const { path, base } = fact;
  const there = remoteContent(remote, base);
  if (there.hash === null && remote.size === local.content.size) {
    out.compare.push({ path, etag: remote.etag, size: remote.size });
    return;
  }
  if (there.hash === local.content.hash && there.kind === local.content.kind) {
    // Same bytes. A bit that nobody stated is no difference; one that differs is the local's to send or the remote's to take.
    if (remote.exec === null || remote.exec === local.content.exec) {
      out.bases.push([path, { ...local.content, etag: remote.etag }]);
      return;
    }
    const agreed: Base = { ...local.content, exec: remote.exec, etag: remote.etag };
    if (fact.rule === 'left-out' || options.verb !== 'push') out.modes.push({ path, base: agreed, expect: local.stamp });
    else out.uploads.push(upload(path, local, remote.etag));
    return;
  }
  if (fact.rule === 'left-out') {
    takeOver(fact, local, remote, options, out);
    return;
  }
  if (options.verb === 'push' && options.force) {
    out.uploads.push({ ...upload(path, local, remote.etag), displaces: true });
    return;
  }
  if (options.verb === 'pull' && options.force) {
    out.downloads.push(download(path, remote, there, local, null));
    return;
  }
  if (options.verb !== 'sync') {
    out.held.push({ path, fault: bothChanged(path, base !== null) });
    return;
  }
  out.downloads.push(download(path, remote, there, local, conflictPath(path, options.device, options.date, local.content.hash)));
}

/** R17: what is in the bucket arrives, on the box only over a copy that is as agreed. */
function takeOver(fact: PathFacts, local: LocalSide, remote: RemoteSide, options: PlanOptions, out: Plan): void {
  if (options.verb === 'push') {
    out.counts.changedThere++;
    return;
  }
  if (options.box) {
    out.held.push({
      path: fact.path,
      fault: { code: 'HELD_BACK', message: 'left out of sync here and changed on both sides; both are as they were. Move one away.', field: fact.path },
    });
    return;
  }
  out.counts.takenOver++;
  out.downloads.push(download(fact.path, remote, remoteContent(remote, fact.base), local, null));
}

function localOnly(fact: PathFacts, here: Change, options: PlanOptions, out: Plan): void {
  const { path, local, remote, base } = fact;
  if (here === 'edited' && local !== null) {
    if (fact.rule === 'left-out' || options.verb === 'pull') {
      out.counts.changedHere++;
      return;
    }
    if (base === null && options.ordered.has(path) && options.named !== path) {
      // R31: removed from the bucket on purpose; what stayed here is not sent again.
      out.counts.deletedThere++;
      return;
    }
    out.uploads.push(upload(path, local, remote?.etag ?? null));
    return;
  }
  if (here !== 'deleted' || base === null || remote === null) return;
  if (fact.rule === 'left-out') {
    out.counts.deletedHere++;
    return;
  }
  const brings = options.named === path;
  if (options.verb === 'pull' && brings) out.downloads.push(download(path, remote, remoteContent(remote, base), null, null));
  else if (options.verb === 'sync' || (options.verb === 'push' && options.deletions)) out.deleteRemote.push({ path, etag: remote.etag, hash: base.hash });
  else out.counts.deletedHere++;
}

function remoteOnly(fact: PathFacts, there: Change, options: PlanOptions, out: Plan): void {
  const { path, local, remote, base } = fact;
  if (there === 'edited' && remote !== null) {
    if (options.verb === 'push') {
      out.counts.changedThere++;
      return;
    }
    const content = remoteContent(remote, base);
    if (local !== null && base !== null && content.hash === local.content.hash && content.kind === local.content.kind) {
      out.modes.push({ path, base: { ...base, exec: content.exec, etag: remote.etag }, expect: local.stamp });
      return;
    }
    out.downloads.push(download(path, remote, content, local, null));
    return;
  }
  if (there !== 'deleted' || local === null || base === null) return;
  const takes = fact.rule === 'left-out' ? options.verb !== 'push' : options.verb === 'sync' || (options.verb === 'pull' && options.deletions);
  if (options.verb === 'push' && options.named === path && fact.rule !== 'left-out') out.uploads.push(upload(path, local, null));
  else if (takes) out.deleteLocal.push({ path, stamp: local.stamp, hash: local.content.hash, size: local.content.size, etag: base.etag });
  else out.counts.deletedThere++;
}

/** R7: the edit survives. */
function deletedHereEditedThere(fact: PathFacts, remote: RemoteSide, options: PlanOptions, out: Plan): void {
  if (options.verb === 'push') out.counts.changedThere++;
  else out.downloads.push(download(fact.path, remote, remoteContent(remote, fact.base), null, null));
}

/** R7, the other way round. */
function editedHereDeletedThere(fact: PathFacts, local: LocalSide, options: PlanOptions, out: Plan): void {
  if (options.verb === 'pull' || fact.rule === 'left-out') out.counts.changedHere++;
  else out.uploads.push(upload(fact.path, local, null));
}

const upload = (path: string, local: LocalSide, condition: string | null): Upload => ({
  path,
  content: local.content,
  stamp: local.stamp,
  condition,
  displaces: false,
});

const download = (
  path: string,
  remote: RemoteSide,
  content: { kind: Kind; exec: boolean },
  over: LocalSide | null,
  copyTo: string | null,
): Download => ({
  path,
  etag: remote.etag,
  size: remote.size,
  kind: content.kind,
  exec: content.exec,
  expect: over?.stamp ?? null,
  displacedHash: over?.content.hash ?? null,
  copyTo,
});

function bothChanged(path: string, hadBase: boolean): Fault {
  const fact = hadBase ? 'changed here and there' : 'differs here and there, and was never in step';
  return { code: 'HELD_BACK', message: `${fact}; both are as they were (s3sync keeps both, --force overwrites)`, field: path };
}
