/**
 * Judges mass deletions (R10). Pure: the time is an input. In: the deletions of a plan and what each side looks like.
 * Out: which go on and which are held, with the reason. Held ones wait for a person; the rest of the plan goes on.
 */
import { nameOf } from '../protocol/paths.ts';
import type { HeldDeletion } from './ports.ts';

/** files; a side that had more than this and is empty, and a number of deletions above it, is looked at twice */
export const MANY_FILES = 20;
/** files; that many deletions are held whatever the share */
export const VERY_MANY_FILES = 1000;
/** ms */
export const DELETION_WINDOW = 10 * 60_000;

export interface Deletion {
  readonly path: string;
  /** where it was deleted: the other side still has it */
  readonly on: 'local' | 'remote';
  readonly hash: string;
}

export interface DeletionFacts {
  readonly deletions: readonly Deletion[];
  /** files that both sides had agreed on */
  readonly baseFiles: number;
  readonly localFiles: number;
  readonly remoteFiles: number;
  /** hashes of what is new on either side under another name: a move is no loss */
  readonly appeared: ReadonlySet<string>;
  readonly recent: readonly { readonly at: number; readonly count: number }[];
  readonly now: number;
  /** deletions that a person ordered, or answered with apply */
  readonly approved: ReadonlySet<string>;
  /** held before and not yet answered: they stay held */
  readonly heldBefore: ReadonlySet<string>;
}

export interface Judged {
  readonly go: readonly Deletion[];
  readonly held: readonly HeldDeletion[];
}

const isResult = (path: string): boolean => path.split('/').slice(0, -1).includes('dist') || nameOf(path) === 'dist';

export function judgeDeletions(facts: DeletionFacts): Judged {
  const counted = facts.deletions.filter((d) => !facts.approved.has(d.path) && !isResult(d.path) && !facts.appeared.has(d.hash) && !d.path.endsWith('/'));
  const recent = facts.recent.filter((r) => facts.now - r.at < DELETION_WINDOW).reduce((sum, r) => sum + r.count, 0);
  const total = counted.length + recent;
  const all = facts.baseFiles + recent;
  const many = total > MANY_FILES && (total * 2 >= all || total >= VERY_MANY_FILES);
  const emptied = { local: facts.baseFiles > MANY_FILES && facts.localFiles === 0, remote: facts.baseFiles > MANY_FILES && facts.remoteFiles === 0 };
  const go: Deletion[] = [];
  const held: HeldDeletion[] = [];
  const doubtful = new Set(counted.map((d) => d.path));
  for (const deletion of facts.deletions) {
    const why = emptied[deletion.on] ? 'side-empty' : many ? 'many' : null;
    const stays = facts.heldBefore.has(deletion.path) && !facts.approved.has(deletion.path);
    if (doubtful.has(deletion.path) && (why !== null || stays)) held.push({ ...deletion, why: why ?? 'many', at: facts.now });
    else go.push(deletion);
  }
  return { go, held };
}
