/**
 * Binary frames: bytes of a process, both ways, without JSON. Used once both ends named the feature `binary-frames`.
 * Layout, big endian: 1 byte kind, 4 bytes pid, 8 bytes sequence number (an integer below 2**53), then the bytes.
 * The sequence number counts a process's output bytes, both streams together, from 0. `taken` carries no bytes: all
 * output below its number has been taken, which is what back-pressure runs on. Input carries sequence 0.
 */
import { fail, ok, type Result } from './errors.ts';
import { LIMITS } from './limits.ts';

export const FRAME_KINDS = { stdout: 0, stderr: 1, input: 2, taken: 3 } as const;
export type FrameKind = keyof typeof FRAME_KINDS;
const NAMES = Object.keys(FRAME_KINDS) as FrameKind[];

export const FRAME_HEADER_BYTES = 13;

export interface Frame {
  readonly kind: FrameKind;
  readonly pid: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
}

export function encodeFrame(frame: Frame): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(FRAME_HEADER_BYTES + frame.bytes.length);
  const view = new DataView(out.buffer);
  view.setUint8(0, FRAME_KINDS[frame.kind]);
  view.setUint32(1, frame.pid);
  view.setBigUint64(5, BigInt(frame.seq));
  out.set(frame.bytes, FRAME_HEADER_BYTES);
  return out;
}

/** The bytes of the result share memory with `data`. */
export function decodeFrame(data: Uint8Array): Result<Frame> {
  if (data.length < FRAME_HEADER_BYTES) return fail('BAD_MESSAGE', `a binary frame has at least ${FRAME_HEADER_BYTES} bytes, this one ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const kind = NAMES[view.getUint8(0)];
  if (kind === undefined) return fail('BAD_MESSAGE', `no binary frame of kind ${view.getUint8(0)}`);
  const pid = view.getUint32(1);
  if (pid === 0) return fail('BAD_MESSAGE', 'a binary frame names process 0');
  const seq = view.getBigUint64(5);
  if (seq > BigInt(Number.MAX_SAFE_INTEGER)) return fail('BAD_MESSAGE', 'a sequence number over 2**53');
  const bytes = data.subarray(FRAME_HEADER_BYTES);
  if (kind === 'input' && bytes.length > LIMITS.inputBytes) return fail('TOO_LARGE', `input of ${bytes.length} bytes; one frame takes ${LIMITS.inputBytes}`);
  return ok({ kind, pid, seq: Number(seq), bytes });
}
