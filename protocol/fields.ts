/**
 * The fields that messages are made of, as schemas with their limits. In: anything a peer sent. Out: values that the
 * rest may use as they are. Keys are parsed by paths.ts (T10); nothing here is trusted before it has passed.
 */
import * as z from 'zod';
import { ERROR_CODES, type ErrorCode } from './errors.ts';
import { LIMITS } from './limits.ts';
import { whatIsWrong } from './paths.ts';

export const requestId = z.string().min(1).max(64).regex(/^[\w-]+$/, 'letters, digits, _ and - only');
export const key = z
  .string()
  .max(LIMITS.keyBytes)
  .superRefine((text, context) => {
    const wrong = whatIsWrong(text);
    if (wrong !== null) context.addIssue({ code: 'custom', message: `no valid key: ${wrong}` });
  });
/** '' or whole segments; with or without a trailing slash. */
export const prefix = z.union([z.literal(''), key]);
export const etag = z.string().min(1).max(256).regex(/^[\x20-\x7e]+$/, 'printable ASCII only');
export const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const milliseconds = z.number().min(0).max(8.64e15);
export const kind = z.enum(['file', 'link', 'dir']);
/** SHA-256, hex */
export const hash = z.string().regex(/^[0-9a-f]{64}$/, '64 hex digits');
export const operation = z.string().regex(/^[a-z0-9]{8,64}$/, '8 to 64 of a-z, 0-9');
export const token = z.string().regex(/^[A-Za-z0-9_-]{16,512}$/, 'base64url');
export const pid = z.number().int().min(1).max(0xffff_ffff);
export const sequence = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const line = (max: number) => z.string().max(max);
export const deviceName = z
  .string()
  .min(1)
  .max(LIMITS.deviceName)
  .regex(/^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+$/, 'no control characters');
export const columns = z.number().int().min(1).max(LIMITS.columns);
export const rows = z.number().int().min(1).max(LIMITS.rows);
export const size = z.object({ columns, rows });
export const errorCode = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);
export const fault = z.object({ code: errorCode, message: line(2000), field: line(1200).optional() });
/** null: the object must not exist; an etag: it must be that version (R19). */
export const condition = z.union([z.null(), etag]);
export const cursor = z.object({ epoch: z.string().min(1).max(64), number: count });
/** A word of a command line or an environment value: any text without NUL. */
export const word = z.string().max(LIMITS.argsBytes).refine((text) => !text.includes('\0'), 'contains a NUL');
export const envName = z.string().max(256).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'no name of a variable');

export const remoteEntry = z.object({
  key: z.string(),
  etag,
  size: bytes,
  modified: milliseconds,
  kind: kind.nullable(),
  exec: z.boolean().nullable(),
  hash: hash.nullable(),
  op: z.string().max(64).nullable(),
});
export const remoteGone = z.object({ key: z.string(), etag: z.null(), ordered: z.boolean() });

export const processInfo = z.object({
  pid,
  command: z.string(),
  args: z.array(z.string()),
  cwd: z.string(),
  tty: z.boolean(),
  startedAt: milliseconds,
  endedAt: milliseconds.nullable(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  watchers: count,
  ports: z.array(z.number().int().min(1).max(65535)),
  memory: bytes.nullable(),
});

export const boxStatus = z.object({
  name: z.string(),
  platform: z.string(),
  node: z.string(),
  uptimeMs: milliseconds,
  inStep: z.boolean(),
  processes: count,
  workspace: z.string(),
  asUser: z.string(),
  heldDeletions: count,
  heldBack: count,
});

export const device = z.object({
  id: z.string(),
  name: z.string(),
  origin: z.string().nullable(),
  pairedAt: milliseconds,
  lastSeenAt: milliseconds.nullable(),
  connected: count,
  current: z.boolean(),
});

export const heldDeletion = z.object({
  path: z.string(),
  on: z.enum(['local', 'remote']),
  hash: z.string(),
  why: z.enum(['root-missing', 'side-empty', 'many']),
  at: milliseconds,
});

export const trashItem = z.object({
  id: z.string().min(1).max(200),
  path: z.string(),
  hash: z.string(),
  size: bytes,
  at: milliseconds,
});
