/**
 * Every limit of the wire, each with its unit and its reason. Both ends import these, and a test stands on both sides
 * of each. Limits of one room alone (the embedded store's, the box's rings) live in that room.
 */
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const LIMITS = {
  /** bytes of UTF-8; S3's own limit for a key. */
  keyBytes: 1024,
  /** bytes of UTF-8; what Linux file systems take for one name. */
  nameBytes: 255,
  /** bytes; before `hello` nobody has shown who they are, and a hello is under 2 KiB (T8). */
  frameBytesBeforeHello: 4 * KiB,
  /** bytes; a batch of 1,000 keys of 1 KiB with their URLs stays under it. */
  frameBytes: 4 * MiB,
  /** ms; a stranger holds a connection slot no longer than this (T8). */
  helloMs: 10_000,
  /** ms; a challenge is good once, for this long (T2). */
  challengeMs: 30_000,
  /** keys in one batch; design.md "Protocol". */
  batchKeys: 1000,
  /** objects in one `s3List` answer; keeps an answer under `frameBytes`. */
  listObjects: 1000,
  /** changes in one `changes` message; the rest follows in further ones. */
  changesPerMessage: 2000,
  /** bytes; S3's limit for a single PUT. */
  maxPutBytes: 5 * GiB,
  /** seconds; longest life of a presigned URL (T9). */
  presignSeconds: 3600,
  /** bits of randomness in a pairing code (T4). */
  pairingCodeBits: 128,
  /** ms; a pairing code that nobody used ends (T4). */
  pairingCodeMs: 10 * 60_000,
  /** wrong codes from one address in `pairingWindowMs` before it has to wait (T4). */
  wrongCodes: 5,
  pairingWindowMs: 60_000,
  /** connections that have not said hello, all addresses together; slots of their own, so that strangers cannot take the paired devices' (T8). */
  strangers: 64,
  /** sockets one device may hold: tabs and terminals. */
  socketsPerDevice: 32,
  /** messages a device may send in a second, averaged over ten; typing and batches stay two orders below (T8). */
  messagesPerSecond: 2000,
  /** presigned URLs a device may ask for in a minute; 14,000 files three times over. */
  presignsPerMinute: 60_000,
  /** processes alive on one box. */
  processes: 256,
  /** words on a command line, and bytes of all of them; Linux refuses one word over 128 KiB by itself. */
  args: 4096,
  argsBytes: 512 * KiB,
  /** variables a spawn may add. */
  envNames: 256,
  /** bytes of keyboard input in one message or frame; a paste is cut into such pieces. */
  inputBytes: 64 * KiB,
  /** columns and rows of a terminal. */
  columns: 2000,
  rows: 2000,
  /** bytes of process output sent and not yet acknowledged, for one watcher: enough for a full screen of redraws at 200 ms, little enough that Ctrl-C is felt at once. */
  outputWindow: 256 * KiB,
  /** bytes of output kept for each process; must hold at least two windows. */
  ringBytes: 1 * MiB,
  /** ms; a watcher lost for less still holds the process back when the ring is full (design.md "The box"). */
  lostWatcherMs: 60_000,
  /** characters of a device's name. */
  deviceName: 60,
  /** devices of one bridge. */
  devices: 200,
} as const;

/** The versions of the protocol this build speaks, oldest first. `connected` names them, `hello` picks one. */
export const VERSIONS = [1] as const;

/** Features both ends may have; what both name in `hello` and `welcome` is used. */
export const FEATURES = ['binary-frames'] as const;
