/**
 * The one place where names are parsed (T10). A key is a bucket path: `myproject/a.js`; the same file is
 * `/myproject/a.js` in the browser and `/workspace/myproject/a.js` on the box. A key that ends in `/` is an empty folder.
 * In: what people, peers and stores say. Out: a key, or a fault that names what is wrong. Never touches a file.
 */
import { fail, ok, type Result } from './errors.ts';
import { LIMITS } from './limits.ts';

/** The prefix in the bucket for what the product needs for itself. Made by the bridge, never taken from a client. */
export const OWN_PREFIX = '.mhnos/v1/';

const encoder = new TextEncoder();
const byteLength = (text: string): number => encoder.encode(text).length;

/**
 * Whether a name is ours (R30): `.mhnos` at any level, compared case-folded, NFKC, with ignorable characters stripped,
 * so that no look-alike lands on our folder on a file system that folds names.
 */
export function isOwnName(name: string): boolean {
  if (name === '.mhnos') return true;
  // Nearly every name is plain ASCII and settles here: the regular expressions below cost 2 µs a name.
  if (!/mhnos|[^\x20-\x7e]/i.test(name)) return false;
  const folded = name
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}|\p{Cf}/gu, '')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC');
  return folded === '.mhnos';
}

export const isOwnKey = (key: string): boolean => key.split('/').some(isOwnName);

/** Why a key is no valid path, or null. `key` without leading slash; a trailing slash marks an empty folder. */
export function whatIsWrong(key: string): string | null {
  if (key === '') return 'it is empty';
  if (byteLength(key) > LIMITS.keyBytes) return `it is over ${LIMITS.keyBytes} bytes long`;
  if (key.includes('\0')) return 'it contains a NUL';
  if (key.startsWith('/')) return 'it is absolute';
  if (!key.isWellFormed()) return 'it is not valid Unicode';
  const segments = (key.endsWith('/') ? key.slice(0, -1) : key).split('/');
  for (const segment of segments) {
    if (segment === '') return 'it contains an empty segment (//)';
    if (segment === '.' || segment === '..') return `it contains "${segment}"`;
    if (segment.length * 3 > LIMITS.nameBytes && byteLength(segment) > LIMITS.nameBytes) return `a name in it is over ${LIMITS.nameBytes} bytes long`;
    if (isOwnName(segment)) return '".mhnos" is a name of ours';
  }
  return null;
}

/** A key from a peer: exact, no leading slash. */
export function parseKey(text: string): Result<string> {
  const wrong = whatIsWrong(text);
  if (wrong !== null) return fail('BAD_KEY', `${quoteName(text)} is no valid key: ${wrong}. Nothing was changed.`, text.slice(0, 200));
  return ok(text);
}

/** A prefix of whole segments from a peer: empty, or a key with or without a trailing slash. Out: '' or 'a/b/'. */
export function parsePrefix(text: string): Result<string> {
  if (text === '') return ok('');
  const key = parseKey(text);
  if (!key.ok) return key;
  return ok(text.endsWith('/') ? text : `${text}/`);
}

/**
 * What a person typed, as a path relative to the root: `..` and `.` resolved against `cwd`, one leading slash dropped.
 * @param cwd an absolute path of the workspace, such as `/myproject`
 * @returns '' for the root, else a key without trailing slash
 */
export function resolvePath(text: string, cwd: string): Result<string> {
  const parts: string[] = [];
  const source = text.startsWith('/') ? text : `${cwd}/${text}`;
  for (const part of source.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (parts.length === 0) return fail('BAD_KEY', `${quoteName(text)} leads out of the workspace. Nothing was changed.`, text);
      parts.pop();
    } else parts.push(part);
  }
  const key = parts.join('/');
  return key === '' ? ok('') : parseKey(key);
}

/** What a person typed as a bucket path (R14): a leading slash is dropped, segments are whole. '' is everything. */
export const resolveKey = (text: string): Result<string> => resolvePath(text, '/');

/** Whether `key` is `root` or lies below it. '' is the root of all. */
export const isWithin = (key: string, root: string): boolean =>
  root === '' || key === root || key === `${root}/` || key.startsWith(`${root}/`);

export const parentOf = (key: string): string => {
  const trimmed = key.endsWith('/') ? key.slice(0, -1) : key;
  const slash = trimmed.lastIndexOf('/');
  return slash < 0 ? '' : trimmed.slice(0, slash);
};
export const nameOf = (key: string): string => {
  const trimmed = key.endsWith('/') ? key.slice(0, -1) : key;
  return trimmed.slice(trimmed.lastIndexOf('/') + 1);
};

/** UTF-8 byte order, which S3 lists in. JavaScript compares UTF-16 units: surrogates sort before U+E000. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A name for a terminal, a log or a page: C0, C1, invisible and bidirectional characters written out (T17). */
export function quoteName(name: string): string {
  const safe = name.toWellFormed().replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0);
    if (c === '\n') return '\\n';
    if (c === '\t') return '\\t';
    if (c === '\r') return '\\r';
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return safe;
}
