/**
 * Names that the engine makes or compares: conflict copies (R8) and names that fold together (R4). Pure.
 */
import { nameOf, parentOf } from '../protocol/paths.ts';
import { LIMITS } from '../protocol/limits.ts';

const encoder = new TextEncoder();
const CONFLICT = / \(conflict [A-Za-z0-9-]{1,24} \d{4}-\d{2}-\d{2} [0-9a-f]{6}\)/;

/** A device's name as it stands in a conflict copy's name: [A-Za-z0-9-]{1,24}. */
export const deviceTag = (name: string): string =>
  name
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 24)
    .replaceAll(/-+$/g, '') || 'device';

/**
 * `stem (conflict DEVICE YYYY-MM-DD HASH6).ext` beside `path`; a conflict of a conflict keeps the first stem.
 * @param date YYYY-MM-DD
 * @param hash SHA-256 hex of the content that is kept
 */
export function conflictPath(path: string, device: string, date: string, hash: string): string {
  const folder = parentOf(path);
  const name = nameOf(path).replace(CONFLICT, '');
  // A leading dot belongs to the stem: `.env` has no extension.
  const dot = name.lastIndexOf('.');
  const ext = dot > 0 ? name.slice(dot) : '';
  let stem = dot > 0 ? name.slice(0, dot) : name;
  const tag = ` (conflict ${device} ${date} ${hash.slice(0, 6)})`;
  const room = Math.min(LIMITS.nameBytes, LIMITS.keyBytes - encoder.encode(folder).length - 1);
  while (stem.length > 1 && encoder.encode(stem + tag + ext).length > room) {
    stem = [...stem].slice(0, -1).join('');
  }
  const made = stem + tag + ext;
  return folder === '' ? made : `${folder}/${made}`;
}

/** What a tree that folds case or Unicode forms makes of a path: equal results are one file there. */
export function foldPath(path: string, traits: { foldsCase: boolean; foldsUnicode: boolean }): string {
  let folded = path;
  if (traits.foldsUnicode) folded = folded.normalize('NFC');
  if (traits.foldsCase) folded = folded.toUpperCase().toLowerCase();
  return folded;
}
