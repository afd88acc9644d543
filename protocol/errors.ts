/**
 * The closed list of error codes that cross a room's border, each with what it means. An error says fact, limit, state
 * of the data, next step; it never carries a URL's query string, a code, a key or an environment.
 */
export const ERROR_CODES = {
  BAD_MESSAGE: 'not a valid message; `field` names what is wrong',
  UNKNOWN_TYPE: 'no such message type in this version',
  TOO_LARGE: 'over a limit of size; the limit is named',
  TOO_MANY: 'over a limit of number or rate; try again later',
  VERSION: 'no version of the protocol in common',
  NOT_PAIRED: 'this device is not known here, or was revoked',
  BAD_SIGNATURE: 'the signature does not fit the challenge, host or origin',
  BAD_CODE: 'the pairing code is wrong, used or expired',
  BAD_ORIGIN: 'this page may not use that device',
  HELLO_FIRST: 'say hello first',
  FORBIDDEN: 'this kind of device may not ask that',
  BAD_KEY: 'not a valid key or path',
  NOT_FOUND: 'no such object, process or device',
  CONFLICT: 'it changed in between; nothing was done',
  STORE_UNREACHABLE: 'the object store does not answer',
  STORE_REFUSED: 'the object store refused the credentials or the request',
  STORE_UNFIT: 'the object store lacks what we need',
  UPLOAD_TOO_LARGE: 'larger than this store takes in one upload',
  NO_BOX: 'no box is connected',
  BOX_BEHIND: 'the box does not have the latest files yet',
  BOX_LOST: 'the box ended or was restarted; its processes are gone',
  SPAWN_FAILED: 'the process could not be started',
  NOT_RUNNING: 'the process has ended',
  NO_SPACE: 'the disk or the quota is full',
  CHANGED: 'the file changed while it was read or before it was replaced',
  OPEN_FOR_WRITING: 'a process has the file open for writing',
  READ_ONLY: 'the target may not be written',
  HELD_BACK: 'held back; nothing was changed',
  DIGEST: 'the bytes are not what was promised',
  OFFLINE: 'not connected',
  TIMEOUT: 'no answer or no progress in time',
  ABORTED: 'stopped',
  UNSUPPORTED: 'this machine, browser or store cannot do that',
  IO: 'the file system or the disk refused',
  INTERNAL: 'a defect of ours; the log has more',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error looks like on the wire and as a value. `message`: fact, limit, state of the data, next step. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  /** the message's field, or the path or key it is about */
  readonly field?: string | undefined;
}

/** A fault thrown where a value cannot go: across an await in a stream, or out of a request on the link. */
export class MhnosError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  constructor(code: ErrorCode, message: string, field?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MhnosError';
    this.code = code;
    this.field = field;
  }
  get fault(): Fault {
    return { code: this.code, message: this.message, field: this.field };
  }
}

/** A fault made from anything thrown. Unknown errors become INTERNAL with their own message. */
export function faultOf(error: unknown): Fault {
  if (error instanceof MhnosError) return error.fault;
  if (error instanceof Error && error.name === 'AbortError') return { code: 'ABORTED', message: 'stopped' };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };
export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const fail = (code: ErrorCode, message: string, field?: string): { ok: false; fault: Fault } => ({
  ok: false,
  fault: field === undefined ? { code, message } : { code, message, field },
});
