/**
 * The ports in memory: for tests, and for a browser without OPFS. MemoryTree and MemoryState hold one replica;
 * MemoryStore is a bucket that several MemoryBuckets (one for each replica) share. They behave as the contract suites
 * say and keep nothing after the program.
 */
import { fail, ok, type Result } from '../protocol/errors.ts';
import { compareKeys, isOwnKey, isWithin, parentOf } from '../protocol/paths.ts';
import {
  EMPTY_MEMORY,
  type Base,
  type Bucket,
  type BucketIdentity,
  type Changes,
  type Content,
  type Cursor,
  type DeleteRequest,
  type Expected,
  type Got,
  type Head,
  type Held,
  type Memory,
  type Placed,
  type PlaceRequest,
  type PutRequest,
  type RemoteEntry,
  type RemoteGone,
  type ScanOptions,
  type ScanRow,
  type Seen,
  type Staged,
  type State,
  type StateChange,
  type TrashItem,
  type Tree,
  type TreeTraits,
} from '../sync/ports.ts';

/** SHA-256 of bytes, hex; WebCrypto in browsers, node:crypto in Node. */
export type HashBytes = (bytes: Uint8Array) => string;

interface File {
  kind: 'file' | 'link' | 'dir';
  bytes: Uint8Array;
  exec: boolean;
  version: number;
  mtime: number;
}

export interface MemoryTreeOptions {
  readonly hash: HashBytes;
  readonly now: () => number;
  readonly traits?: Partial<TreeTraits>;
  /** bytes that fit in all */
  readonly room?: () => number;
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** A tree of files in a map. Folders exist by their files, or as an entry of kind `dir` while they are empty. */
export class MemoryTree implements Tree {
  readonly traits: TreeTraits;
  readonly #o: MemoryTreeOptions;
  readonly #files = new Map<string, File>();
  readonly #trash: (TrashItem & { file: File })[] = [];
  #mark: string | null = null;
  #version = 0;
  #trashIds = 0;
  trash: Tree['trash'];

  constructor(options: MemoryTreeOptions) {
    this.#o = options;
    this.traits = { foldsCase: false, foldsUnicode: false, hasExec: true, hasLinks: true, exactStamps: true, ...options.traits };
    this.trash = {
      list: async () => this.#trash.map(({ file: _file, ...item }) => item),
      restore: async (id, to) => this.#restore(id, to),
      empty: async (before) => {
        const gone = this.#trash.filter((t) => before === null || t.at < before);
        for (const item of gone) this.#trash.splice(this.#trash.indexOf(item), 1);
        return gone.reduce((sum, t) => sum + t.size, 0);
      },
      size: async () => this.#trash.reduce((sum, t) => sum + t.size, 0),
    };
  }

  // ------------------------------------------------------------ as a person's program would (tests, the shell)

  write(path: string, bytes: Uint8Array | string, options: { exec?: boolean; kind?: 'file' | 'link' } = {}): void {
    const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    const kept = this.#files.get(path)?.exec ?? false;
    this.#set(path, { kind: options.kind ?? 'file', bytes: content, exec: options.exec ?? kept });
  }
  read(path: string): Uint8Array | null {
    return this.#files.get(path)?.bytes ?? null;
  }
  mkdir(path: string): void {
    if (![...this.#files.keys()].some((p) => p !== path && isWithin(p, path))) this.#set(path, { kind: 'dir', bytes: new Uint8Array(), exec: false });
  }
  delete(path: string): void {
    for (const key of [...this.#files.keys()]) if (isWithin(key, path)) this.#files.delete(key);
  }
  paths(): string[] {
    return [...this.#files.entries()].map(([path, file]) => (file.kind === 'dir' ? `${path}/` : path)).sort(compareKeys);
  }

  #set(path: string, file: Omit<File, 'version' | 'mtime'>): Seen {
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      if (this.#files.get(folder)?.kind === 'dir') this.#files.delete(folder);
    }
    const made: File = { ...file, version: ++this.#version, mtime: this.#o.now() };
    this.#files.set(path, made);
    return this.#seen(path, made);
  }
  #seen(path: string, file: File): Seen {
    return { path, kind: file.kind, size: file.bytes.length, exec: file.exec, stamp: `${file.version}`, mtime: file.mtime };
  }
  #content(file: File): Content {
    return { kind: file.kind, hash: this.#o.hash(file.bytes), size: file.bytes.length, exec: file.exec };
  }

  // ------------------------------------------------------------ Tree

  async *scan(options: ScanOptions): AsyncIterable<Seen | Held> {
    const pruned: string[] = [];
    const asked = new Map<string, boolean>();
    for (const [path, file] of [...this.#files]) {
      options.signal.throwIfAborted();
      if (!isWithin(path, options.root) || isOwnKey(path)) continue;
      if (pruned.some((p) => isWithin(path, p))) continue;
      const folders: string[] = [];
      for (let folder = file.kind === 'dir' ? path : parentOf(path); folder !== '' && folder !== options.root; folder = parentOf(folder)) folders.unshift(folder);
      const stop = folders.find((folder) => {
        if (!isWithin(folder, options.root)) return false;
        const enters = asked.get(folder) ?? options.enter(folder);
        asked.set(folder, enters);
        return !enters;
      });
      if (stop === undefined) yield this.#seen(path, file);
      else pruned.push(stop);
    }
  }

  async stat(path: string): Promise<Seen | null> {
    const file = this.#files.get(path);
    return file === undefined ? null : this.#seen(path, file);
  }

  async hash(path: string): Promise<Result<{ content: Content; stamp: string }>> {
    const file = this.#files.get(path);
    if (file === undefined) return fail('NOT_FOUND', 'is gone', path);
    return ok({ content: this.#content(file), stamp: `${file.version}` });
  }

  async body(path: string, stamp: string): Promise<Result<Blob>> {
    const file = this.#files.get(path);
    if (file === undefined || `${file.version}` !== stamp) return fail('CHANGED', 'changed before it was sent', path);
    return ok(new Blob([file.bytes.slice()]));
  }

  async stage(size: number): Promise<Result<Staged>> {
    if ((await this.lacks(size)) !== null) return fail('NO_SPACE', `${size} bytes do not fit. What was here is as it was.`);
    return ok(new MemoryStaged(this.#o.hash));
  }

  async place(staged: Staged, request: PlaceRequest): Promise<Result<Placed>> {
    const { path } = request;
    const there = this.#files.get(path);
    if (request.kind === 'dir') {
      if (there !== undefined && there.kind !== 'dir') return fail('CHANGED', 'a file is in the way', path);
      this.mkdir(path);
      return ok({ seen: (await this.stat(path)) ?? { path, kind: 'dir', size: 0, exec: false, stamp: '0', mtime: 0 } });
    }
    const isFolder = [...this.#files.keys()].some((p) => p !== path && isWithin(p, path));
    const isEmptyFolder = there?.kind === 'dir';
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      const above = this.#files.get(folder);
      if (above !== undefined && above.kind !== 'dir') return fail('CHANGED', 'a file is where a folder should be', path);
    }
    const stamp = there === undefined || isEmptyFolder ? null : `${there.version}`;
    if (isFolder || stamp !== request.expect) return fail('CHANGED', 'changed before it was replaced', path);
    if (there !== undefined && !isEmptyFolder) this.#toTrash(path, there);
    const bytes = (staged as MemoryStaged).bytes;
    return ok({ seen: this.#set(path, { kind: request.kind, bytes, exec: request.exec }) });
  }

  async setExec(path: string, exec: boolean, expect: Expected): Promise<Result<Seen>> {
    const file = this.#files.get(path);
    if (file === undefined || `${file.version}` !== expect) return fail('CHANGED', 'changed before its bit was set', path);
    return ok(this.#set(path, { kind: file.kind, bytes: file.bytes, exec }));
  }

  async remove(path: string, expect: string): Promise<Result<null>> {
    const file = this.#files.get(path);
    if (file === undefined) return ok(null);
    if (`${file.version}` !== expect) return fail('CHANGED', 'changed before it was removed', path);
    this.#toTrash(path, file);
    this.#files.delete(path);
    const folder = parentOf(path);
    if (folder !== '') this.mkdir(folder);
    return ok(null);
  }

  async removeEmptyFolder(path: string): Promise<boolean> {
    if (this.#files.get(path)?.kind !== 'dir') return false;
    this.#files.delete(path);
    const folder = parentOf(path);
    if (folder !== '') this.mkdir(folder);
    return true;
  }

  async copy(from: string, to: string, expect: string): Promise<Result<Seen>> {
    const file = this.#files.get(from);
    if (file === undefined || `${file.version}` !== expect) return fail('CHANGED', 'changed before it was copied', from);
    const there = this.#files.get(to);
    if (there !== undefined) {
      const equal = this.#o.hash(there.bytes) === this.#o.hash(file.bytes);
      return equal ? ok(this.#seen(to, there)) : fail('CONFLICT', 'something else has the name of the copy', to);
    }
    return ok(this.#set(to, { kind: file.kind, bytes: file.bytes, exec: file.exec }));
  }

  async lacks(bytes: number): Promise<number | null> {
    const room = this.#o.room?.() ?? Number.MAX_SAFE_INTEGER;
    const used = [...this.#files.values()].reduce((sum, f) => sum + f.bytes.length, 0);
    return used + bytes <= room ? null : used + bytes - room;
  }

  async mark(): Promise<string | null> {
    return this.#mark;
  }
  async setMark(mark: string | null): Promise<void> {
    this.#mark = mark;
  }
  async sweepStage(): Promise<void> {}

  #toTrash(path: string, file: File): void {
    this.#trash.push({ id: `t${++this.#trashIds}`, path, hash: this.#o.hash(file.bytes), size: file.bytes.length, at: this.#o.now(), file });
  }

  #restore(id: string, to: string | undefined): Result<Seen> {
    const item = this.#trash.find((t) => t.id === id);
    if (item === undefined) return fail('NOT_FOUND', 'no such item in the trash', id);
    const path = to ?? item.path;
    if (this.#files.has(path)) return fail('CONFLICT', 'something is there already. The trash is as it was. Name another place.', path);
    this.#trash.splice(this.#trash.indexOf(item), 1);
    return ok(this.#set(path, item.file));
  }
}

class MemoryStaged implements Staged {
  readonly #hash: HashBytes;
  readonly #parts: Uint8Array[] = [];
  constructor(hash: HashBytes) {
    this.#hash = hash;
  }
  get bytes(): Uint8Array {
    return concat(this.#parts);
  }
  async write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice());
  }
  async finish(): Promise<{ hash: string; size: number }> {
    const bytes = this.bytes;
    return { hash: this.#hash(bytes), size: bytes.length };
  }
  async discard(): Promise<void> {
    this.#parts.length = 0;
  }
}

/** What one replica remembers. */
export class MemoryState implements State {
  #memory: Memory = EMPTY_MEMORY;
  readonly #base = new Map<string, Base>();
  readonly #scans = new Map<string, ScanRow>();
  readonly #remote = new Map<string, RemoteEntry>();

  async memory(): Promise<Memory> {
    return this.#memory;
  }
  async base(root: string): Promise<Map<string, Base>> {
    return below(this.#base, root);
  }
  async scans(root: string): Promise<Map<string, ScanRow>> {
    return below(this.#scans, root);
  }
  async remote(root: string): Promise<Map<string, RemoteEntry>> {
    return below(this.#remote, root);
  }
  async commit(change: StateChange): Promise<void> {
    if (change.forget === 'all' || change.forget === 'base') {
      this.#base.clear();
      this.#scans.clear();
    }
    if (change.forget === 'all' || change.forget === 'remote') this.#remote.clear();
    write(this.#base, change.base);
    write(this.#scans, change.scans);
    write(this.#remote, change.remote);
    this.#memory = { ...this.#memory, ...change.memory };
  }
}

const below = <T>(map: Map<string, T>, root: string): Map<string, T> => new Map([...map].filter(([path]) => isWithin(path, root)));

function write<T>(map: Map<string, T>, rows: readonly (readonly [string, T | null])[] | undefined): void {
  for (const [path, row] of rows ?? []) {
    if (row === null) map.delete(path);
    else map.set(path, row);
  }
}

// ---------------------------------------------------------------- the bucket

interface StoredObject {
  entry: RemoteEntry;
  bytes: Uint8Array;
}

/** A bucket with a change feed, shared by the replicas of a test. */
export class MemoryStore {
  readonly objects = new Map<string, StoredObject>();
  readonly trash: { key: string; bytes: Uint8Array }[] = [];
  readonly hash: HashBytes;
  readonly now: () => number;
  identity: BucketIdentity = { bucketId: 'bucket-1', generation: 1 };
  epoch = 'epoch-1';
  maxPutBytes = 5 * 1024 ** 3;
  #number = 0;
  #etags = 0;
  readonly #log: (RemoteEntry | RemoteGone)[] = [];

  constructor(options: { hash: HashBytes; now: () => number }) {
    this.hash = options.hash;
    this.now = options.now;
  }

  get number(): number {
    return this.#number;
  }

  /** An outsider's PUT: content alone, no metadata of ours. */
  putPlain(key: string, text: string | Uint8Array): string {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    return this.set(key, bytes, { kind: null, exec: null, hash: null, op: null });
  }

  set(key: string, bytes: Uint8Array, meta: Pick<RemoteEntry, 'kind' | 'exec' | 'hash' | 'op'>): string {
    const etag = `"${++this.#etags}"`;
    const entry: RemoteEntry = { key, etag, size: bytes.length, modified: this.now(), ...meta };
    this.objects.set(key, { entry, bytes });
    this.#log[this.#number++] = entry;
    return etag;
  }

  delete(key: string, ordered: boolean): void {
    const there = this.objects.get(key);
    if (there === undefined) return;
    this.trash.push({ key, bytes: there.bytes });
    this.objects.delete(key);
    this.#log[this.#number++] = { key, etag: null, ordered };
  }

  since(cursor: Cursor | null): Changes {
    const now: Cursor = { epoch: this.epoch, number: this.#number };
    if (cursor === null || cursor.epoch !== this.epoch || cursor.number > this.#number) {
      return { cursor: now, whole: true, entries: [...this.objects.values()].map((o) => o.entry), ageMs: 0 };
    }
    return { cursor: now, whole: false, entries: this.#log.slice(cursor.number), ageMs: 0 };
  }
}

/** One replica's view of a MemoryStore. */
export class MemoryBucket implements Bucket {
  readonly concurrency = 4;
  readonly #store: MemoryStore;
  constructor(store: MemoryStore) {
    this.#store = store;
  }
  get maxPutBytes(): number {
    return this.#store.maxPutBytes;
  }
  async identity(): Promise<Result<BucketIdentity>> {
    return ok(this.#store.identity);
  }
  async changes(since: Cursor | null): Promise<Result<Changes>> {
    return ok(this.#store.since(since));
  }
  async head(key: string): Promise<Result<Head>> {
    const there = this.#store.objects.get(key);
    return ok(there === undefined ? { found: false, key, ...this.#store.identity } : { found: true, ...there.entry, ...this.#store.identity });
  }
  async put(request: PutRequest): Promise<Result<{ etag: string }>> {
    const { key, content, condition } = request;
    const bytes = new Uint8Array(await request.body.arrayBuffer());
    if (this.#store.hash(bytes) !== content.hash) return fail('CHANGED', 'changed while it was sent', key);
    const there = this.#store.objects.get(key)?.entry.etag ?? null;
    if (there !== condition) return fail('CONFLICT', 'changed in the bucket', key);
    const etag = this.#store.set(key, bytes, { kind: content.kind, exec: content.exec, hash: content.hash, op: request.op });
    request.onProgress?.(bytes.length);
    return ok({ etag });
  }
  async get(key: string, etag: string): Promise<Result<Got>> {
    const there = this.#store.objects.get(key);
    if (there === undefined) return fail('NOT_FOUND', 'is gone from the bucket', key);
    if (there.entry.etag !== etag) return fail('CONFLICT', 'changed in the bucket', key);
    const { bytes } = there;
    return ok({
      etag,
      size: bytes.length,
      bytes: (async function* () {
        for (let at = 0; at < bytes.length; at += 65536) yield bytes.slice(at, at + 65536);
      })(),
    });
  }
  async delete(requests: readonly DeleteRequest[]): Promise<Result<readonly Result<null>[]>> {
    return ok(
      requests.map(({ key, etag, ordered }) => {
        const there = this.#store.objects.get(key);
        if (there === undefined) return ok(null);
        if (etag !== null && there.entry.etag !== etag) return fail('CONFLICT', 'changed in the bucket; it was not deleted', key);
        this.#store.delete(key, ordered);
        return ok(null);
      }),
    );
  }
  async commit(): Promise<Result<{ number: number }>> {
    return ok({ number: this.#store.number });
  }
}
