/**
 * Every message of the wire, both directions, as schemas: `{type, id?, ...}` in JSON over a WebSocket. Bytes of
 * terminals go as binary frames (frames.ts) once both ends agreed. Decoding is decode.ts; the wire document (WIRE.md)
 * is generated from here and from examples.ts. Names and field names that people know from the seed are kept.
 */
import * as z from 'zod';
import * as f from './fields.ts';
import { LIMITS } from './limits.ts';

const id = f.requestId;
const none = {};

/** How an upload is to be signed: for one key, one exact length, one condition, one checksum (T9). */
export const uploadFile = z.object({
  key: f.key,
  size: f.bytes,
  contentType: z.string().max(255).regex(/^[\x20-\x7e]+$/).optional(),
  condition: f.condition,
  content: z.object({ kind: f.kind, hash: f.hash, exec: z.boolean() }),
  op: f.operation,
});
export type UploadFile = z.infer<typeof uploadFile>;

const downloadFile = z.object({ key: f.key, etag: f.etag.optional() });

const hello = z.object({
  type: z.literal('hello'),
  id,
  version: z.number().int().min(1).max(1000),
  features: z.array(z.string().max(40)).max(40),
  kind: z.enum(['browser', 'command', 'box']),
  /** the host and port that was dialled, as the peer wrote it: part of what is signed (T2) */
  host: z.string().max(300),
  signature: f.token.optional(),
  /** a device that is paired names itself */
  device: f.token.optional(),
  /** one that pairs brings a code, its public key (raw P-256 point, base64url) and a name */
  code: z.string().max(64).optional(),
  publicKey: f.token.optional(),
  name: f.deviceName.optional(),
});

const request = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), id, ...shape });

/** Client to server. `from` says who may ask: a device, or the box over its socket. */
export const CLIENT = {
  hello,
  spawn: request('spawn', {
    command: f.word,
    args: z.array(f.word).max(LIMITS.args).default([]),
    /** key of a folder; '' is /workspace */
    cwd: f.prefix.default(''),
    env: z
      .record(f.envName, f.word)
      .refine((env) => Object.keys(env).length <= LIMITS.envNames, `over ${LIMITS.envNames} variables`)
      .default({}),
    tty: f.size.nullable().default(null),
    /** follow the output at once */
    attach: z.boolean().default(true),
  }),
  attach: request('attach', {
    pid: f.pid,
    /** the sequence number of the next byte wanted; absent: all that is kept */
    from: f.sequence.optional(),
    tty: f.size.nullable().default(null),
  }),
  detach: request('detach', { pid: f.pid }),
  write: z.object({ type: z.literal('write'), id: id.optional(), pid: f.pid, data: z.string().max(LIMITS.inputBytes) }),
  resize: z.object({ type: z.literal('resize'), id: id.optional(), pid: f.pid, columns: f.columns, rows: f.rows }),
  kill: request('kill', { pid: f.pid, signal: z.enum(['INT', 'TERM', 'KILL', 'HUP', 'QUIT', 'USR1', 'USR2', 'STOP', 'CONT']).default('TERM') }),
  list: request('list', none),
  status: request('status', none),
  ping: z.object({ type: z.literal('ping'), id: id.optional() }),
  s3Status: request('s3Status', none),
  s3GetUploadUrl: request('s3GetUploadUrl', uploadFile.shape),
  s3GetBatchUploadUrls: request('s3GetBatchUploadUrls', { files: z.array(uploadFile).min(1).max(LIMITS.batchKeys) }),
  s3GetDownloadUrl: request('s3GetDownloadUrl', downloadFile.shape),
  s3GetBatchDownloadUrls: request('s3GetBatchDownloadUrls', { files: z.array(downloadFile).min(1).max(LIMITS.batchKeys) }),
  s3List: request('s3List', {
    prefix: f.prefix.default(''),
    /** the last key of the page before */
    after: f.key.optional(),
    limit: z.number().int().min(1).max(LIMITS.listObjects).default(LIMITS.listObjects),
  }),
  s3Delete: request('s3Delete', {
    keys: z.array(z.object({ key: f.key, etag: f.etag.nullable().default(null) })).min(1).max(LIMITS.batchKeys),
    /** a person ordered it: no replica holds it again (R10) */
    ordered: z.boolean().default(false),
  }),
  s3GetMetadata: request('s3GetMetadata', { key: f.key }),
  /** asks what changed since a place in the feed; null: everything (R29) */
  s3Changes: request('s3Changes', { since: f.cursor.nullable(), prefix: f.prefix.default(''), fresh: z.boolean().default(false) }),
  commit: request('commit', {
    op: f.operation,
    done: z.array(z.object({ key: f.key, etag: f.etag })).max(LIMITS.batchKeys),
  }),
  /** answered when the box's replica has everything up to `number` */
  ready: request('ready', { number: f.count }),
  /** the box sends what its processes wrote, then answers */
  settle: request('settle', { prefix: f.prefix.default('') }),
  trash: request('trash', {
    action: z.enum(['list', 'restore', 'empty']),
    where: z.enum(['bucket', 'box']),
    item: z.string().max(200).optional(),
  }),
  deletions: request('deletions', { action: z.enum(['list', 'apply', 'restore']) }),
  openclaw: request('openclaw', { action: z.enum(['start', 'stop', 'status']) }),
  devices: request('devices', none),
  revoke: request('revoke', { device: f.token }),
  /** the box: its replica has the bucket up to `number` */
  ack: z.object({ type: z.literal('ack'), number: f.count, epoch: z.string().max(64) }),
} as const;

const success = { status: z.literal('success') };
const answer = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), id, ...success, ...shape });

const signedUpload = z.object({ key: z.string(), url: z.string(), headers: z.record(z.string(), z.string()), expiresAt: f.milliseconds });
const signedDownload = z.object({ key: z.string(), url: z.string(), headers: z.record(z.string(), z.string()), expiresAt: f.milliseconds });
const refused = z.object({ key: z.string(), error: f.fault });
const identity = { bucketId: z.string(), generation: f.count };

/** Server to client. */
export const SERVER = {
  connected: z.object({
    type: z.literal('connected'),
    versions: z.array(z.number().int()).min(1).max(100),
    bridge: z.string().min(1).max(64),
    challenge: f.token,
    software: z.string().max(40),
  }),
  welcome: answer('welcome', {
    version: z.number().int(),
    features: z.array(z.string()),
    device: z.object({ id: z.string(), name: z.string() }),
    bucket: z.object({ name: z.string(), ...identity, maxPutBytes: f.bytes, sameOrigin: z.boolean() }),
    software: z.string(),
  }),
  spawned: answer('spawned', { pid: f.pid, cwd: z.string(), note: z.string().optional() }),
  attached: answer('attached', {
    pid: f.pid,
    /** sequence number of the first byte that follows */
    from: f.sequence,
    /** bytes that were asked for and are not kept any more */
    missed: f.bytes,
    info: f.processInfo,
  }),
  detached: answer('detached', { pid: f.pid }),
  killed: answer('killed', { pid: f.pid }),
  processList: answer('processList', { processes: z.array(f.processInfo) }),
  status: answer('status', {
    bridge: z.object({ id: z.string(), version: z.string(), uptimeMs: f.milliseconds }),
    device: z.object({ id: z.string(), name: z.string() }),
    box: f.boxStatus.nullable(),
  }),
  pong: z.object({ type: z.literal('pong'), id: id.optional() }),
  stdout: z.object({ type: z.literal('stdout'), pid: f.pid, seq: f.sequence, data: z.string() }),
  stderr: z.object({ type: z.literal('stderr'), pid: f.pid, seq: f.sequence, data: z.string() }),
  exit: z.object({ type: z.literal('exit'), pid: f.pid, exitCode: z.number().int().nullable(), signal: z.string().nullable() }),
  error: z.object({ type: z.literal('error'), id: id.optional(), status: z.literal('error'), error: f.fault, pid: f.pid.optional() }),
  s3Status: answer('s3Status', {
    endpoint: z.string(),
    bucket: z.string(),
    ...identity,
    region: z.string(),
    embedded: z.boolean(),
    reachable: z.boolean(),
    fault: f.fault.nullable(),
    abilities: z.array(z.object({ name: z.string(), has: z.boolean(), means: z.string() })),
    objects: f.count,
    bytes: f.bytes,
    maxObject: f.bytes,
    /** ms since 1970 by the store's clock, so that a client can tell its own skew */
    storeTime: f.milliseconds,
    ageMs: f.milliseconds,
    trashBytes: f.bytes,
  }),
  s3UploadUrl: answer('s3UploadUrl', signedUpload.shape),
  s3BatchUploadUrls: answer('s3BatchUploadUrls', { urls: z.array(z.union([signedUpload, refused])) }),
  s3DownloadUrl: answer('s3DownloadUrl', signedDownload.shape),
  s3BatchDownloadUrls: answer('s3BatchDownloadUrls', { urls: z.array(z.union([signedDownload, refused])) }),
  s3List: answer('s3List', { objects: z.array(f.remoteEntry), next: z.string().nullable(), ageMs: f.milliseconds }),
  s3Delete: answer('s3Delete', { results: z.array(z.union([z.object({ key: z.string(), number: f.count }), refused])) }),
  s3Metadata: z.union([
    answer('s3Metadata', { found: z.literal(true), entry: f.remoteEntry, contentType: z.string().nullable(), ...identity }),
    answer('s3Metadata', { found: z.literal(false), key: z.string(), ...identity }),
  ]),
  /** answers s3Changes (with id; the last page says `more: false`), and comes unasked (without) when something changed */
  changes: z.object({
    type: z.literal('changes'),
    id: id.optional(),
    status: z.literal('success'),
    cursor: f.cursor,
    /** the entries are the whole bucket under the prefix, not a difference */
    whole: z.boolean(),
    entries: z.array(z.union([f.remoteEntry, f.remoteGone])),
    more: z.boolean(),
    ageMs: f.milliseconds,
  }),
  committed: answer('committed', { number: f.count, refused: z.array(refused) }),
  ready: answer('ready', { number: f.count, box: z.enum(['ready', 'none']) }),
  settled: answer('settled', {
    number: f.count,
    box: z.enum(['settled', 'none']),
    stillWriting: z.array(z.object({ path: z.string(), process: z.string().optional() })),
    held: z.array(z.object({ path: z.string(), fault: f.fault })),
    deletionsHeld: f.count,
  }),
  /** while ready or settle waits: bytes move, so there is no time-out (R18) */
  moving: z.object({ type: z.literal('moving'), id, files: f.count, bytes: f.bytes }),
  trash: answer('trash', { items: z.array(f.trashItem), freed: f.bytes, restored: z.string().nullable() }),
  deletions: answer('deletions', { held: z.array(f.heldDeletion) }),
  openclaw: answer('openclaw', { state: z.string(), detail: z.string(), pid: f.pid.nullable() }),
  devices: answer('devices', { devices: z.array(f.device) }),
  revoked: answer('revoked', { device: z.string(), note: z.string() }),
} as const;

export type ClientType = keyof typeof CLIENT;
export type ServerType = keyof typeof SERVER;
export type ClientMessage = { [T in ClientType]: z.infer<(typeof CLIENT)[T]> }[ClientType];
export type ServerMessage = { [T in ServerType]: z.infer<(typeof SERVER)[T]> }[ServerType];
export type Client<T extends ClientType> = z.infer<(typeof CLIENT)[T]>;
/** As a sender writes it: defaults may be left out. */
export type ClientInput<T extends ClientType> = z.input<(typeof CLIENT)[T]>;
export type Server<T extends ServerType> = z.infer<(typeof SERVER)[T]>;
export type ServerInput<T extends ServerType> = z.input<(typeof SERVER)[T]>;

/** Which answer a request gets. */
export const ANSWER = {
  hello: 'welcome',
  spawn: 'spawned',
  attach: 'attached',
  detach: 'detached',
  kill: 'killed',
  list: 'processList',
  status: 'status',
  ping: 'pong',
  s3Status: 's3Status',
  s3GetUploadUrl: 's3UploadUrl',
  s3GetBatchUploadUrls: 's3BatchUploadUrls',
  s3GetDownloadUrl: 's3DownloadUrl',
  s3GetBatchDownloadUrls: 's3BatchDownloadUrls',
  s3List: 's3List',
  s3Delete: 's3Delete',
  s3GetMetadata: 's3Metadata',
  s3Changes: 'changes',
  commit: 'committed',
  ready: 'ready',
  settle: 'settled',
  trash: 'trash',
  deletions: 'deletions',
  openclaw: 'openclaw',
  devices: 'devices',
  revoke: 'revoked',
} as const satisfies Partial<Record<ClientType, ServerType>>;
export type RequestType = keyof typeof ANSWER;
export type AnswerTo<T extends RequestType> = Server<(typeof ANSWER)[T]>;
