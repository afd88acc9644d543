/**
 * Keeps what this replica has heard of the bucket up to date (R29): one question when nothing changed. In: the Bucket's
 * change feed. Out: the remembered remote map and cursor, moved in one transaction. Decides nothing.
 */
import { ok, type Result } from '../protocol/errors.ts';
import { isOwnKey } from '../protocol/paths.ts';
import type { Remembered } from './memory.ts';
import type { Bucket, RemoteEntry } from './ports.ts';

/** Ordered deletions kept to tell a later push or plan (R31). */
const ORDERS_KEPT = 100_000;

/** @param fresh the bridge looks at the store first. @returns ms since the bridge last looked */
export async function refreshRemote(bucket: Bucket, memory: Remembered, fresh: boolean): Promise<Result<number>> {
  const changes = await bucket.changes(memory.memory.cursor, '', fresh);
  if (!changes.ok) return changes;
  const { cursor, whole, entries, ageMs } = changes.value;
  const rows = new Map<string, RemoteEntry | null>();
  if (whole) for (const key of memory.remote.keys()) rows.set(key, null);
  const orders = new Set(memory.memory.orderedDeletions);
  const ordersBefore = orders.size;
  let ordersMoved = false;
  for (const entry of entries) {
    if (isOwnKey(entry.key)) continue;
    if (entry.etag === null) {
      rows.set(entry.key, null);
      if (entry.ordered) orders.add(entry.key);
    } else {
      rows.set(entry.key, entry);
      ordersMoved = orders.delete(entry.key) || ordersMoved;
    }
  }
  for (const [key, row] of rows) {
    const known = memory.remote.get(key);
    if (row === null ? known === undefined : known !== undefined && sameEntry(known, row)) rows.delete(key);
  }
  const known = memory.memory.cursor;
  const moved = known === null || known.epoch !== cursor.epoch || known.number !== cursor.number;
  if (rows.size > 0 || moved) {
    const changedOrders = orders.size !== ordersBefore || ordersMoved;
    await memory.commit({
      remote: [...rows],
      memory: { cursor, ...(changedOrders ? { orderedDeletions: [...orders].slice(-ORDERS_KEPT) } : {}) },
    });
  }
  return ok(ageMs);
}

const sameEntry = (a: RemoteEntry, b: RemoteEntry): boolean =>
  a.etag === b.etag && a.size === b.size && a.kind === b.kind && a.exec === b.exec && a.hash === b.hash && a.op === b.op && a.modified === b.modified;
