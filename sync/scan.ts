/**
 * Looks at a tree and says what is there (R1): every path once, hashed only where something suggests that it changed.
 * In: a Tree, the hashes of the last scan, which paths need a hash. Out: the local side of every path in key form (an
 * empty folder ends in `/`), what cannot take part, and the rows for the next scan. Changes nothing.
 */
import type { Fault } from '../protocol/errors.ts';
import { compareKeys, parentOf } from '../protocol/paths.ts';
import { inParallel } from './parallel.ts';
import type { Clock, Content, Held, ScanRow, Seen, Tree } from './ports.ts';

/** ms; a time stamp this close to the scan may hide a second write (R1) */
const RACY = 2000;
/** ms; whatever the stamps say, a file is hashed again once a day (R1) */
const STALE = 24 * 3600_000;
/** ms; a file that was written more recently is looked at again before it is read (R22) */
const QUIET = 200;

/** SHA-256 of nothing: the content of an empty folder. */
export const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const DIR_CONTENT: Content = { kind: 'dir', hash: EMPTY_HASH, size: 0, exec: false };

export interface ScanInput {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly root: string;
  readonly rows: ReadonlyMap<string, ScanRow>;
  readonly signal: AbortSignal;
  /** false prunes a folder */
  readonly enter: (path: string) => boolean;
  /** whether the content matters: a path that is neither sent nor in the bucket is only counted */
  readonly needsHash: (path: string) => boolean;
  readonly onSeen?: (files: number) => void;
}

export interface LocalEntry {
  readonly seen: Seen;
  /** null: present, and nobody needs to know more */
  readonly content: Content | null;
}

export interface ScanOutput {
  /** by key: an empty folder ends in `/` */
  readonly entries: Map<string, LocalEntry>;
  readonly held: Held[];
  /** being written just now: left for the next look (R22) */
  readonly stillWriting: { path: string; fault: Fault }[];
  readonly rows: [string, ScanRow | null][];
}

export async function scanTree(input: ScanInput): Promise<ScanOutput> {
  const { tree, clock, rows, signal } = input;
  const out: ScanOutput = { entries: new Map(), held: [], stillWriting: [], rows: [] };
  const toHash: { key: string; seen: Seen }[] = [];
  let files = 0;
  for await (const item of tree.scan({ root: input.root, signal, enter: input.enter })) {
    if ('fault' in item) {
      out.held.push(item);
      continue;
    }
    const key = item.kind === 'dir' ? `${item.path}/` : item.path;
    if (++files % 500 === 0) input.onSeen?.(files);
    if (item.kind === 'dir') {
      out.entries.set(key, { seen: item, content: DIR_CONTENT });
      continue;
    }
    if (!input.needsHash(key)) {
      out.entries.set(key, { seen: item, content: null });
      continue;
    }
    const row = rows.get(key);
    if (row !== undefined && row.stamp === item.stamp && stillGood(row, item, tree.traits.exactStamps, clock.now())) {
      out.entries.set(key, { seen: item, content: row.content });
    } else toHash.push({ key, seen: item });
  }
  toHash.sort((a, b) => compareKeys(a.key, b.key));
  await inParallel(toHash, 4, signal, async ({ key, seen }) => {
    await hashOne(input, out, key, seen);
  });
  for (const path of rows.keys()) if (!out.entries.has(path) && isBelow(path, input.root)) out.rows.push([path, null]);
  return out;
}

const isBelow = (path: string, root: string): boolean => root === '' || path === root || path.startsWith(`${root}/`);

function stillGood(row: ScanRow, seen: Seen, exact: boolean, now: number): boolean {
  if (now - row.at > STALE) return false;
  return exact || row.at - seen.mtime >= RACY;
}

async function hashOne(input: ScanInput, out: ScanOutput, key: string, first: Seen): Promise<void> {
  const { tree, clock, signal } = input;
  let seen = first;
  if (!tree.traits.exactStamps) {
    const age = clock.now() - seen.mtime;
    if (age >= 0 && age < QUIET) {
      await clock.wait(QUIET - age, signal);
      const again = await tree.stat(seen.path);
      if (again === null) return;
      if (again.stamp !== seen.stamp) {
        out.stillWriting.push({ path: key, fault: { code: 'CHANGED', message: 'is being written', field: key } });
        return;
      }
      seen = again;
    }
  }
  const hashed = await tree.hash(seen.path, signal);
  if (hashed.ok) {
    const { content, stamp } = hashed.value;
    out.entries.set(key, { seen: { ...seen, stamp, size: content.size, kind: content.kind, exec: content.exec }, content });
    out.rows.push([key, { stamp, content, at: clock.now() }]);
    return;
  }
  const { fault } = hashed;
  if (fault.code === 'NOT_FOUND') return;
  if (fault.code === 'CHANGED' || fault.code === 'OPEN_FOR_WRITING') out.stillWriting.push({ path: key, fault });
  else out.held.push({ path: key, fault });
}

/** The folders that exist by what lies in them, in key form. */
export function impliedFolders(keys: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const key of keys) {
    for (let folder = parentOf(key); folder !== '' && !folders.has(`${folder}/`); folder = parentOf(folder)) folders.add(`${folder}/`);
  }
  return folders;
}
