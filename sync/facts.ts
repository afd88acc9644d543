/**
 * Brings what is remembered, what the scan saw and what the bucket has together: one PathFacts for every path, with
 * what cannot be held here frozen (R4, R11). Pure. In: maps and rules. Out: the planner's input.
 */
import type { Fault } from '../protocol/errors.ts';
import { isWithin, whatIsWrong } from '../protocol/paths.ts';
import type { Rules } from './ignore.ts';
import { foldPath } from './names.ts';
import type { LocalSide, PathFacts, RemoteSide } from './plan.ts';
import type { Base, RemoteEntry, TreeTraits } from './ports.ts';
import { DIR_CONTENT, impliedFolders, type LocalEntry, type ScanOutput } from './scan.ts';

export interface FactsInput {
  readonly root: string;
  readonly base: ReadonlyMap<string, Base>;
  readonly remote: ReadonlyMap<string, RemoteEntry>;
  readonly scan: ScanOutput;
  readonly rules: Rules;
  readonly traits: TreeTraits;
  /** our operation ids: an object that bears one is our own upload, its hash is verified (R20) */
  readonly ops: ReadonlySet<string>;
  /** hashes fetched and verified in this run, by key */
  readonly verified: ReadonlyMap<string, { etag: string; size: number; hash: string }>;
}

export function gatherFacts(input: FactsInput): PathFacts[] {
  const { root, scan, base, remote } = input;
  const inRoot = (path: string): boolean => isWithin(path, root);
  const paths = new Set<string>();
  for (const path of scan.entries.keys()) paths.add(path);
  for (const path of base.keys()) if (inRoot(path)) paths.add(path);
  for (const path of remote.keys()) if (inRoot(path)) paths.add(path);
  for (const { path } of scan.stillWriting) paths.add(path);

  const frozen = new Map<string, Fault>();
  for (const { path, fault } of scan.held) frozen.set(path, fault);
  for (const { path, fault } of scan.stillWriting) frozen.set(path, fault);
  for (const path of paths) {
    const wrong = whatIsWrong(path);
    if (wrong !== null) frozen.set(path, { code: 'BAD_KEY', message: `cannot be held here: ${wrong}. It stays where it is.`, field: path });
  }
  freezeClashes(paths, input, frozen);

  const implied = impliedFolders(scan.entries.keys());
  const frozenFolders = scan.held.map((h) => h.path);
  return [...paths].map((path) => {
    const fault = frozen.get(path) ?? faultAbove(path, frozenFolders, frozen);
    const agreed = base.get(path) ?? null;
    const entry = remote.get(path);
    const facts: PathFacts = {
      path,
      base: agreed,
      local: localSide(path, scan.entries.get(path), implied, input.traits.hasExec ? null : (agreed?.exec ?? false)),
      remote: entry === undefined ? null : remoteSide(entry, input),
      rule: fault === undefined ? input.rules.of(path) : 'frozen',
    };
    return fault === undefined ? facts : { ...facts, fault };
  });
}

/** @param exec the agreed bit, where the tree has none of its own */
function localSide(path: string, entry: LocalEntry | undefined, implied: ReadonlySet<string>, exec: boolean | null): LocalSide | null {
  if (entry !== undefined) {
    // Present, never hashed, because nothing depends on it: neither sent nor in the bucket.
    if (entry.content === null) return { content: { kind: entry.seen.kind, hash: '', size: entry.seen.size, exec: entry.seen.exec }, stamp: entry.seen.stamp };
    const content = exec === null ? entry.content : { ...entry.content, exec };
    return { content, stamp: entry.seen.stamp };
  }
  return path.endsWith('/') && implied.has(path) ? { content: DIR_CONTENT, stamp: '', implied: true } : null;
}

function remoteSide(entry: RemoteEntry, input: FactsInput): RemoteSide {
  const seen = input.verified.get(entry.key);
  const isOurs = entry.op !== null && input.ops.has(entry.op);
  const hash = seen !== undefined && seen.etag === entry.etag && seen.size === entry.size ? seen.hash : isOurs ? entry.hash : null;
  const kind = entry.key.endsWith('/') ? 'dir' : entry.kind;
  return { etag: entry.etag, size: entry.size, kind, exec: kind === 'dir' ? false : entry.exec, hash: kind === 'dir' ? DIR_CONTENT.hash : hash };
}

function faultAbove(path: string, folders: readonly string[], frozen: ReadonlyMap<string, Fault>): Fault | undefined {
  if (folders.length === 0) return undefined;
  const folder = folders.find((f) => f !== '' && isWithin(path, f));
  return folder === undefined ? undefined : frozen.get(folder);
}

/** R4: names that fold to one file here, and `a` beside `a/b`. What is here already keeps its place; what would come is held. */
function freezeClashes(paths: ReadonlySet<string>, input: FactsInput, frozen: Map<string, Fault>): void {
  const { traits, scan, remote } = input;
  const isHere = (path: string): boolean => scan.entries.has(path);
  if (traits.foldsCase || traits.foldsUnicode) {
    const byFold = new Map<string, string[]>();
    for (const path of paths) {
      const folded = foldPath(path, traits);
      const same = byFold.get(folded);
      if (same === undefined) byFold.set(folded, [path]);
      else same.push(path);
    }
    for (const same of byFold.values()) {
      if (same.length < 2) continue;
      // A rename of case only: the old name is gone from the bucket, the new one takes its place.
      const both = same.filter((path) => remote.has(path) || isHere(path));
      if (both.length < 2) continue;
      for (const path of both) if (!isHere(path)) frozen.set(path, clash(path, both.find((p) => p !== path) ?? path));
    }
  }
  const isFile = (path: string): boolean => isHere(path) || remote.has(path);
  const reported = new Set<string>();
  for (const path of paths) {
    for (let slash = path.indexOf('/'); slash >= 0 && slash < path.length - 1; slash = path.indexOf('/', slash + 1)) {
      const above = path.slice(0, slash);
      if (!isFile(above) || !isFile(path)) continue;
      // One of the two sides has the file, the other the folder.
      if (isHere(above) && !isHere(path) && remote.has(above)) frozen.set(path, clash(path, above));
      else if (isHere(path) && !isHere(above) && remote.has(path)) frozen.set(above, clash(above, path));
      else if (isHere(above) !== isHere(path)) {
        const coming = isHere(above) ? path : above;
        if (!reported.has(coming)) frozen.set(coming, clash(coming, isHere(above) ? above : path));
        reported.add(coming);
      } else if (!isHere(above)) frozen.set(above, clash(above, path));
    }
  }
}

const clash = (path: string, other: string): Fault => ({
  code: 'HELD_BACK',
  message: `cannot be here beside "${other}": this file system takes them for one name, or one would have to be file and folder. Both stay as they are; rename one.`,
  field: path,
});
