/**
 * What a run of the engine is asked and what it answers: written once for the terminal, the drawer and `--json`.
 * Plain values only: they cross MessagePorts and the wire.
 */
import type { Fault } from '../protocol/errors.ts';
import type { HeldDeletion } from './ports.ts';

export type Verb = 'push' | 'pull' | 'sync';

export interface TransferOptions {
  /** '' for everything, else a key without trailing slash */
  readonly root: string;
  readonly dryRun: boolean;
  readonly exclude: readonly string[];
  readonly force: boolean;
  /** `--delete` */
  readonly deletions: boolean;
  /** `--yes`: answers R10 and questions */
  readonly yes: boolean;
  /** `--no-wait`: do not wait for the box */
  readonly wait: boolean;
  readonly defaultExcludes: boolean;
}

/** What moves, for the terminal's progress line and the drawer. */
export interface Progress {
  readonly phase: 'settle' | 'scan' | 'compare' | 'transfer' | 'box';
  readonly files: number;
  readonly filesTotal: number;
  /** bytes */
  readonly bytes: number;
  readonly bytesTotal: number;
}

export type StepKind = 'upload' | 'download' | 'delete-remote' | 'delete-local' | 'conflict-copy' | 'mode';
export interface Step {
  readonly kind: StepKind;
  readonly path: string;
  readonly size: number;
}

/** What a run did. Written once for the terminal and for `--json`. */
export interface Report {
  readonly verb: Verb;
  readonly root: string;
  readonly dryRun: boolean;
  /** what was (or with dryRun would be) done */
  readonly steps: readonly Step[];
  readonly filesMoved: number;
  readonly bytesMoved: number;
  readonly filesEqual: number;
  readonly ms: number;
  /** what was not done and why; any makes exit 1 */
  readonly held: readonly { readonly path: string; readonly fault: Fault }[];
  /** conflicts kept as two files (R8): the copy's path for each */
  readonly conflicts: readonly { readonly path: string; readonly copy: string }[];
  readonly leftOut: {
    /** files excluded by --exclude or .mhnosignore, and files in default folders, by folder name */
    readonly excluded: number;
    readonly defaults: Readonly<Record<string, number>>;
    /** R13, R14: changed or deleted only on the other side */
    readonly changedThere: number;
    readonly deletedThere: number;
    readonly changedHere: number;
    readonly deletedHere: number;
  };
  readonly deletionsHeld: readonly HeldDeletion[];
  /** whether the box has what was pushed: yes, not connected, not asked (--no-wait), or behind */
  readonly box: 'ready' | 'none' | 'unasked' | 'behind' | 'settled';
  /** files a settle counted as still being written */
  readonly stillWriting: readonly { readonly path: string; readonly process?: string | undefined }[];
}
