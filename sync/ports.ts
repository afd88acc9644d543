/**
 * What the sync engine runs over: a Tree of files, a Bucket of objects, a State that remembers, a Clock. One contract
 * suite for each in stores/ (`*.suite.ts`), passed by every implementation. Expected failures are values (Fault);
 * throwing is for bugs and for a signal that was aborted. Paths are keys (protocol/paths.ts): no leading slash, exact
 * bytes; an empty folder is an entry of kind `dir` whose path has no trailing slash in a Tree and one in a Bucket.
 */
import type { Fault, Result } from '../protocol/errors.ts';

/** `link`: a symbolic link, its content is the target's UTF-8 text (R5). `dir`: a folder with nothing in it (R4). */
export type Kind = 'file' | 'link' | 'dir';

/** What is compared (R1). Times decide nothing. */
export interface Content {
  readonly kind: Kind;
  /** SHA-256, hex, of the bytes; of a link the target's; of a dir the empty string's. */
  readonly hash: string;
  /** bytes */
  readonly size: number;
  /** the executable bit; false where the tree has none and for links and dirs */
  readonly exec: boolean;
}

// ---------------------------------------------------------------- Tree

/** One entry of a scan. */
export interface Seen {
  readonly path: string;
  readonly kind: Kind;
  readonly size: number;
  readonly exec: boolean;
  /** Differs whenever the content may differ: size, mtime, ctime, inode, or the store's change counter. Opaque. */
  readonly stamp: string;
  /** ms since 1970; shown to people, and for R1's two-second rule; decides nothing else */
  readonly mtime: number;
}

/** A path that cannot take part, and why, in words for people. It is frozen: neither side changes it (R11). */
export interface Held {
  readonly path: string;
  readonly fault: Fault;
}

export interface TreeTraits {
  /** two names that differ only in case are one file here; probed, not guessed (R4) */
  readonly foldsCase: boolean;
  /** NFC and NFD of a name are one file here */
  readonly foldsUnicode: boolean;
  readonly hasExec: boolean;
  readonly hasLinks: boolean;
  /** the stamp changes with every write, whatever the clock says: R1's two-second rule is not needed */
  readonly exactStamps: boolean;
}

export interface ScanOptions {
  /** only this path and what lies below; '' is everything */
  readonly root: string;
  readonly signal: AbortSignal;
  /** false prunes: the folder is not entered and not reported. Called for folders only. */
  readonly enter: (path: string) => boolean;
}

/** What a place or remove expects to find: a stamp from a scan or stat, or null for nothing. */
export type Expected = string | null;

export interface PlaceRequest {
  readonly path: string;
  readonly kind: Kind;
  readonly exec: boolean;
  /** the hash that the staged bytes were verified to have */
  readonly hash: string;
  readonly expect: Expected;
  /** hash that the displaced content had when the plan was made; null: unknown or nothing there (R21) */
  readonly displacedHash: string | null;
}

export interface Placed {
  readonly seen: Seen;
  /** Set when what was displaced was not what the plan saw: its content was kept beside, under this path (R21). */
  readonly rescued?: string;
}

/** A file being written under the tree's own stage. Dispose without `finish` removes it. */
export interface Staged {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the bytes durable. @returns hash (SHA-256 hex) and size of what was written */
  finish(): Promise<{ hash: string; size: number }>;
  discard(): Promise<void>;
}

export interface TrashItem {
  /** opaque, unique in this trash */
  readonly id: string;
  readonly path: string;
  readonly hash: string;
  readonly size: number;
  /** ms since 1970 */
  readonly at: number;
}

/** A replica's files. Everything under `.mhnos` is the tree's own and never seen through it (R30). */
export interface Tree {
  readonly traits: TreeTraits;
  /** Every entry once, any order. Names that are no valid path come as Held. */
  scan(options: ScanOptions): AsyncIterable<Seen | Held>;
  stat(path: string): Promise<Seen | null>;
  /** Hashes what is there now. CHANGED where it changed under the reader; OPEN_FOR_WRITING where a process writes it. */
  hash(path: string, signal: AbortSignal): Promise<Result<{ content: Content; stamp: string }>>;
  /**
   * The bytes for an upload, never held in memory: a File in the browser, a file-backed Blob in Node; a link's target.
   * A file that changed since `stamp` gives CHANGED (also later, while the Blob is read: the read fails).
   */
  body(path: string, stamp: string): Promise<Result<Blob>>;
  /** Begins a file under `.mhnos/stage`. @param size bytes, for reserving; NO_SPACE says what lacks */
  stage(size: number): Promise<Result<Staged>>;
  /** Puts finished staged bytes in place (R21): re-checks `expect`, keeps the displaced file in the trash, renames. */
  place(staged: Staged, request: PlaceRequest): Promise<Result<Placed>>;
  /** Sets the executable bit alone. */
  setExec(path: string, exec: boolean, expect: Expected): Promise<Result<Seen>>;
  /** Moves an entry to the trash (R31). A folder left empty by it stays: see `removeEmptyFolder`. */
  remove(path: string, expect: string, hash: string): Promise<Result<null>>;
  /** Removes a folder if nothing is in it. @returns whether it went */
  removeEmptyFolder(path: string): Promise<boolean>;
  /** Puts a file's content beside it under another name, durably: a conflict copy (R8). CHANGED if not at `expect`. */
  copy(from: string, to: string, expect: string): Promise<Result<Seen>>;
  /** @returns null where the bytes fit, else how many lack */
  lacks(bytes: number): Promise<number | null>;
  /** The mark of R9, renewed after every plan; null where there is none. */
  mark(): Promise<string | null>;
  setMark(mark: string): Promise<void>;
  trash: {
    list(): Promise<TrashItem[]>;
    /** Puts an item back at its path, or at `to`; CONFLICT when something is there. */
    restore(id: string, to?: string): Promise<Result<Seen>>;
    /** Removes items older than `before` (ms) or all, and what is over the share of R32. @returns bytes freed */
    empty(before: number | null): Promise<number>;
    size(): Promise<number>;
  };
  /** Removes what a killed run left in the stage. */
  sweepStage(): Promise<void>;
}

// ---------------------------------------------------------------- Bucket

/** What the bridge's index says of one object. `hash` is a hint: outsiders drop and copy metadata (R2). */
export interface RemoteEntry {
  /** as the bucket has it; an empty folder ends in `/` */
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** ms since 1970, the store's clock */
  readonly modified: number;
  readonly kind: Kind | null;
  readonly exec: boolean | null;
  readonly hash: string | null;
  /** our operation id, where an upload of ours made it */
  readonly op: string | null;
}
/** A deletion in a change feed; a hint until a HEAD confirms it (R3). */
export interface RemoteGone {
  readonly key: string;
  readonly etag: null;
  /** a person ordered it: not held again (R10) */
  readonly ordered: boolean;
}

/** A place in the bridge's change feed (R29). A new epoch means: compare everything. */
export interface Cursor {
  readonly epoch: string;
  readonly number: number;
}

export interface BucketIdentity {
  readonly bucketId: string;
  readonly generation: number;
}

export interface Changes {
  readonly cursor: Cursor;
  /** true: `entries` is the whole bucket under the asked prefix, and what is not in it is perhaps gone (R3). */
  readonly whole: boolean;
  readonly entries: readonly (RemoteEntry | RemoteGone)[];
  /** ms since the bridge last looked at the store itself; 0 where writes are reported at once */
  readonly ageMs: number;
}

/** How an upload is made conditional (R19): null means `If-None-Match: *`, an etag means `If-Match`. */
export type Condition = string | null;

export interface PutRequest {
  readonly key: string;
  readonly body: Blob;
  readonly content: Content;
  readonly condition: Condition;
  /** the run's operation id; goes into the object's metadata (R20) */
  readonly op: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export type Head =
  | ({ readonly found: true } & RemoteEntry & BucketIdentity)
  | ({ readonly found: false; readonly key: string } & BucketIdentity);

export interface Got {
  readonly etag: string;
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface DeleteRequest {
  readonly key: string;
  /** the version that the plan or the user saw; null: whatever is there (a person's `s3rm`) */
  readonly etag: string | null;
  /** a person ordered it: no replica holds it again (R10) */
  readonly ordered: boolean;
}

/** The remote side: the bridge's index and presigned URLs. Retries of R24 are inside; a Fault is final for this run. */
export interface Bucket {
  /** requests that run at once: 6 on HTTP/1.1, up to 32 on HTTP/2 and in Node */
  readonly concurrency: number;
  /** bytes; an upload over it is refused before anything is sent */
  readonly maxPutBytes: number;
  identity(): Promise<Result<BucketIdentity>>;
  /** @param since null: everything. @param fresh true: the bridge looks at the store first (pull, sync, settle) */
  changes(since: Cursor | null, prefix: string, fresh: boolean): Promise<Result<Changes>>;
  head(key: string): Promise<Result<Head>>;
  /** CONFLICT: the condition failed (plan again). After an uncertain answer it has looked (R20). @returns the etag */
  put(request: PutRequest): Promise<Result<{ etag: string }>>;
  /** CONFLICT where the object is no longer `etag`. */
  get(key: string, etag: string, signal: AbortSignal): Promise<Result<Got>>;
  delete(requests: readonly DeleteRequest[]): Promise<Result<readonly Result<null>[]>>;
  /** Tells the bridge what was put under `op`. @returns the number that the box's replica reaches when it has it */
  commit(op: string, done: readonly { key: string; etag: string }[]): Promise<Result<{ number: number }>>;
}

// ---------------------------------------------------------------- State

/** What both sides last agreed on, for one path. */
export interface Base extends Content {
  /** the object's etag when they agreed; content is known equal for (etag, size) because we verified it (R2) */
  readonly etag: string;
}

/** A hash kept from an earlier scan, good while `stamp` is the same (R1). */
export interface ScanRow {
  readonly stamp: string;
  readonly content: Content;
  /** ms since 1970 of the hashing */
  readonly at: number;
}

/** What this replica remembers besides base and scans. */
export interface Memory {
  /** the mark that the tree must carry too (R9); null: never planned */
  readonly mark: string | null;
  /** the mark being written to the tree: after a crash the tree may bear either */
  readonly nextMark: string | null;
  readonly bucketId: string | null;
  /** highest generation seen */
  readonly generation: number;
  /** everything up to here is in `remote` */
  readonly cursor: Cursor | null;
  /** our last operation ids, newest last, at most 50: an object that bears one is our own upload (R20, R23) */
  readonly ops: readonly string[];
  /** files that went in the last ten minutes, for R10 */
  readonly recentDeletions: readonly { readonly at: number; readonly count: number }[];
  /** paths whose deletion in the bucket a person ordered; no replica holds them, none brings them back (R10, R31) */
  readonly orderedDeletions: readonly string[];
  /** deletions held by R10, and what the person answered */
  readonly heldDeletions: readonly HeldDeletion[];
  /** ms since 1970 of the last run that ended well */
  readonly inStepAt: number | null;
}

export interface HeldDeletion {
  readonly path: string;
  /** where it was deleted; the other side still has it */
  readonly on: 'local' | 'remote';
  readonly hash: string;
  readonly why: 'root-missing' | 'side-empty' | 'many';
  /** ms since 1970 */
  readonly at: number;
}

/** One transaction; all of it or nothing. A null value removes. */
export interface StateChange {
  readonly base?: readonly (readonly [string, Base | null])[];
  readonly scans?: readonly (readonly [string, ScanRow | null])[];
  /** the bucket as last heard of, kept so that "nothing since" needs no listing */
  readonly remote?: readonly (readonly [string, RemoteEntry | null])[];
  readonly memory?: Partial<Memory>;
  /** forgets base, scans and remote first (R9: another bucket, lost mark) */
  readonly forget?: 'all' | 'remote' | 'base';
}

export interface State {
  memory(): Promise<Memory>;
  /** All rows at `root` or below ('' for all). Trees of 100,000 files fit in memory; contents never do. */
  base(root: string): Promise<Map<string, Base>>;
  scans(root: string): Promise<Map<string, ScanRow>>;
  remote(root: string): Promise<Map<string, RemoteEntry>>;
  commit(change: StateChange): Promise<void>;
}

export const EMPTY_MEMORY: Memory = {
  mark: null,
  nextMark: null,
  bucketId: null,
  generation: 0,
  cursor: null,
  ops: [],
  recentDeletions: [],
  orderedDeletions: [],
  heldDeletions: [],
  inStepAt: null,
};

// ---------------------------------------------------------------- Clock

export interface Clock {
  /** ms since 1970 */
  now(): number;
  /** ms; resolves early, without an error, when the signal is aborted */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** [0, 1) */
  random(): number;
  /** a fresh identifier of at least 96 bits, [a-z0-9]+ */
  id(): string;
}
