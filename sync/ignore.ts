/**
 * What takes part (R11, R17): the default lists, `.mhnosignore` files and `--exclude`, as one pure question per path.
 * In: the lists. Out: for a path `send`, `left-out` (never sent of its own accord) or `frozen` (neither side changes).
 */
import ignore, { type Ignore } from 'ignore';
import { isWithin } from '../protocol/paths.ts';
import type { PathRule } from './plan.ts';

/** Folders that are made again rather than sent: large, and full of files that belong to one machine. */
const PERSON_FOLDERS = ['node_modules', '.git', 'dist', '.cache'];
/** On the box results in dist/ come back. */
const BOX_FOLDERS = ['node_modules', '.git', '.cache'];

export interface RulesInput {
  readonly box: boolean;
  /** `--no-default-excludes` turns both lists off */
  readonly defaults: boolean;
  /** the folder that was given as argument: lifts the default list for its own segments */
  readonly root: string;
  /** gitignore syntax */
  readonly exclude: readonly string[];
  /** contents of `.mhnosignore` files by the folder they lie in ('' is the root) */
  readonly ignoreFiles: ReadonlyMap<string, string>;
}

export interface Rules {
  /** @param path a key; a trailing slash marks a folder */
  of(path: string): PathRule;
  /** the default folder that leaves a path out, such as `node_modules`; null where none does */
  defaultFolder(path: string): string | null;
}

export const IGNORE_FILE = '.mhnosignore';

export function makeRules(input: RulesInput): Rules {
  const folders = new Set(input.defaults ? (input.box ? BOX_FOLDERS : PERSON_FOLDERS) : []);
  const exclude = input.exclude.length === 0 ? null : ignore().add([...input.exclude]);
  const files: { folder: string; list: Ignore }[] = [];
  if (input.defaults && !input.box) {
    for (const [folder, text] of input.ignoreFiles) files.push({ folder, list: ignore().add(text) });
  }
  const rootDepth = input.root === '' ? 0 : input.root.split('/').length;

  const defaultFolder = (path: string): string | null => {
    if (folders.size === 0) return null;
    const segments = path.split('/');
    // Only folders are in the list: a file called dist is sent.
    const last = segments.length - 1;
    for (let i = isWithin(path, input.root) ? rootDepth : 0; i < last; i++) {
      const segment = segments[i];
      if (segment !== undefined && folders.has(segment)) return segment;
    }
    return null;
  };

  return {
    defaultFolder,
    of(path) {
      if (exclude?.ignores(path) === true) return 'frozen';
      if (defaultFolder(path) !== null) return 'left-out';
      for (const { folder, list } of files) {
        if (!isWithin(path, folder)) continue;
        const below = folder === '' ? path : path.slice(folder.length + 1);
        if (below !== '' && list.ignores(below)) return 'left-out';
      }
      return 'send';
    },
  };
}
