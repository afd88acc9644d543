/**
 * What the verbs in this room need from the front end they run in (browser shell or the `mhnos` command): the files and
 * their sync, the runtime behind the link, and what only a page has. All of it crosses a MessagePort in the browser:
 * methods are asynchronous, values are plain and cloneable, callbacks and AbortSignals are carried by the RPC.
 */
import type { Fault, Result } from '../protocol/errors.ts';
import type { Cursor, HeldDeletion, Kind, TrashItem } from '../sync/ports.ts';
import type { Progress, Report, TransferOptions, Verb } from '../sync/report.ts';

// ---------------------------------------------------------------- what a command sees

/** Where a command's live output goes, when it runs on a terminal; null in pipes and through `exec`. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** text with ANSI colours */
  write(text: string): void;
  /** Takes over the keyboard: raw bytes as the terminal sends them, and resizes. Dispose gives it back. */
  raw(on: { input(bytes: Uint8Array): void; resize(columns: number, rows: number): void }): Disposable;
  /** Asks a question on the terminal. @returns what was typed, null on Ctrl-C or end of input */
  ask(question: string): Promise<string | null>;
}

export interface CommandContext {
  /** without the command's own name */
  readonly args: readonly string[];
  /** absolute, such as `/myproject` */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  readonly terminal: Terminal | null;
  readonly signal: AbortSignal;
  readonly host: Host;
}

export interface CommandResult {
  readonly exitCode: number;
  /** final output; what was already written to the terminal live is not in it */
  readonly stdout: string | Uint8Array;
  readonly stderr: string;
}

export interface OptionSpec {
  /** long name without dashes */
  readonly name: string;
  /** one letter */
  readonly short?: string;
  /** the value's name in help, such as GLOB; absent for a flag */
  readonly value?: string;
  readonly repeat?: boolean;
  readonly about: string;
}

/** What Tab offers for an argument. */
export type Completes = 'path' | 'key' | 'process' | 'device' | 'none' | readonly string[];

export interface Command {
  readonly name: string;
  /** one line, no full stop */
  readonly about: string;
  /** heading in `help` */
  readonly group: 'files' | 'bucket' | 'box' | 'page';
  /** such as `s3push [PATH] [--exclude=GLOB]...` */
  readonly usage: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  readonly completes?: (before: readonly string[]) => Completes;
  /** true: words are passed on untouched (`node -e ...`): no option parsing, no --help of ours */
  readonly verbatim?: boolean;
  run(context: CommandContext): Promise<CommandResult>;
}

// ---------------------------------------------------------------- files and their sync

export interface Listed {
  readonly key: string;
  readonly size: number;
  readonly modified: number;
  readonly kind: Kind;
  readonly exec: boolean;
  readonly etag: string;
}

export interface ObjectMeta extends Listed {
  readonly contentType: string | null;
  readonly hash: string | null;
  readonly op: string | null;
}

/** `s3status` */
export interface StoreStatus {
  readonly endpoint: string;
  readonly bucket: string;
  readonly bucketId: string;
  readonly generation: number;
  readonly region: string;
  readonly embedded: boolean;
  readonly reachable: boolean;
  readonly fault: Fault | null;
  /** what the probe found: name, whether the store has it, and what its lack means */
  readonly abilities: readonly { readonly name: string; readonly has: boolean; readonly means: string }[];
  readonly objects: number;
  readonly bytes: number;
  readonly maxObject: number;
  /** ms: the store's clock minus ours */
  readonly skewMs: number;
  /** ms since the bridge last looked at the store itself */
  readonly ageMs: number;
  readonly trashBytes: number;
}

/** This replica's side of `s3status`, known offline too. */
export interface LocalStatus {
  readonly files: number;
  readonly bytes: number;
  readonly pending: number;
  readonly heldDeletions: readonly HeldDeletion[];
  readonly inStepAt: number | null;
  readonly cursor: Cursor | null;
  readonly trashBytes: number;
  /** bytes; null where unknown */
  readonly quota: number | null;
  readonly used: number;
  readonly persisted: boolean | null;
  /** 'memory' is lost with the tab */
  readonly kind: 'opfs' | 'memory' | 'disk';
}

export interface FilesHost {
  transfer(verb: Verb, options: TransferOptions, progress: (p: Progress) => void, signal: AbortSignal): Promise<Result<Report>>;
  localStatus(): Promise<LocalStatus>;
  storeStatus(): Promise<Result<StoreStatus>>;
  /** Streams pages to `page`, hidden keys left out. @param prefix '' or ends with '/' or is a key itself */
  list(prefix: string, page: (objects: Listed[]) => void, signal: AbortSignal): Promise<Result<null>>;
  meta(key: string): Promise<Result<ObjectMeta>>;
  /** Removes from the bucket and the box (R31). One result for each key. */
  remove(keys: readonly string[]): Promise<Result<readonly Result<null>[]>>;
  trash: {
    list(): Promise<Result<readonly (TrashItem & { readonly where: 'here' | 'bucket' | 'box' })[]>>;
    restore(id: string, where: 'here' | 'bucket' | 'box'): Promise<Result<string>>;
    empty(where: 'here' | 'bucket' | 'box' | 'all'): Promise<Result<number>>;
  };
  deletions(action: 'list' | 'apply' | 'restore', where: 'here' | 'box'): Promise<Result<readonly HeldDeletion[]>>;
  /** What Tab offers below a folder of the local tree: names, folders with a trailing slash. */
  complete(kind: 'path' | 'key', prefix: string): Promise<readonly string[]>;
}

// ---------------------------------------------------------------- the runtime

export interface RuntimeStatus {
  readonly state: 'off' | 'connecting' | 'connected' | 'lost';
  /** as dialled, without query; null when never connected */
  readonly url: string | null;
  readonly fault: Fault | null;
  readonly bridge: { readonly id: string; readonly version: string; readonly uptimeMs: number } | null;
  readonly device: { readonly id: string; readonly name: string } | null;
  readonly roundTripMs: number | null;
  readonly box: BoxStatus | null;
}
export interface BoxStatus {
  readonly name: string;
  readonly platform: string;
  readonly node: string;
  readonly uptimeMs: number;
  /** number up to which /workspace has the bucket, and whether that is all */
  readonly inStep: boolean;
  readonly processes: number;
  /** how /workspace appears to processes: a mount, or the real folder's path */
  readonly workspace: string;
  /** says that processes run as the person's own user, where they do */
  readonly asUser: string;
  readonly heldDeletions: number;
  readonly heldBack: number;
}
export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly tty: boolean;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly watchers: number;
  readonly ports: readonly number[];
  /** resident bytes; null where not known */
  readonly memory: number | null;
}
export interface SpawnRequest {
  readonly command: string;
  readonly args: readonly string[];
  /** key of a folder, '' for /workspace */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** null: pipes, no terminal */
  readonly tty: { readonly columns: number; readonly rows: number } | null;
  /** a login shell is asked for by command '' */
}
export interface OutputEvents {
  /** Bytes in order. Resolves when they have been taken: that is the acknowledgement that back-pressure runs on. */
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> | void;
  /** Bytes that the ring no longer had. */
  missed(bytes: number): void;
  /** One line about the link: lost, back. */
  notice(text: string): void;
  exit(exitCode: number | null, signal: string | null): void;
  /** The process cannot be followed any more: box gone, revoked. */
  failed(fault: Fault): void;
}
export interface ProcessHandle {
  readonly pid: number;
  write(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** stops following; the process goes on */
  detach(): void;
}
export interface Device {
  readonly id: string;
  readonly name: string;
  readonly origin: string | null;
  readonly pairedAt: number;
  readonly lastSeenAt: number | null;
  readonly connected: number;
  readonly current: boolean;
}

export interface RuntimeHost {
  /** @param url ws:// or wss://. @param code pairs this browser first */
  connect(url: string, code: string | null): Promise<Result<RuntimeStatus>>;
  disconnect(): Promise<void>;
  status(): Promise<RuntimeStatus>;
  list(): Promise<Result<readonly ProcessInfo[]>>;
  spawn(request: SpawnRequest, events: OutputEvents | null): Promise<Result<ProcessHandle>>;
  /** @param from null: everything that is kept */
  attach(pid: number, tty: { columns: number; rows: number } | null, events: OutputEvents): Promise<Result<ProcessHandle>>;
  kill(pid: number, signal: string): Promise<Result<null>>;
  devices(): Promise<Result<readonly Device[]>>;
  revoke(id: string): Promise<Result<null>>;
  openclaw(action: 'start' | 'stop' | 'status', line: (text: string) => void, signal: AbortSignal): Promise<Result<{ state: string; detail: string; pid: number | null }>>;
}

// ---------------------------------------------------------------- the page

/** What only a page can do; null in the `mhnos` command. */
export interface PageHost {
  /** Opens and focuses a tab that follows a process; it closes by itself after exit 0 when `closeOnSuccess`. */
  openProcessTab(pid: number, title: string, closeOnSuccess: boolean): Promise<void>;
  /** Shows a picker. @returns what was written below `into`, or null where the person changed their mind */
  importFiles(into: string, what: 'files' | 'folder' | 'archive', signal: AbortSignal): Promise<Result<{ files: number; bytes: number; held: readonly { path: string; fault: Fault }[] } | null>>;
  /** Offers a .zip of a path as a download. */
  exportZip(path: string, signal: AbortSignal): Promise<Result<{ name: string; files: number; bytes: number }>>;
  open(path: string): Promise<Result<null>>;
  /** Resolves when the editor is closed. */
  edit(path: string): Promise<Result<null>>;
}

export interface Host {
  readonly files: FilesHost;
  readonly runtime: RuntimeHost;
  readonly page: PageHost | null;
}
