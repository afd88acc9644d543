/** Runs a task for each item, some at once, in the items' order of start. The first error stops the rest from starting. */
export async function inParallel<T>(items: readonly T[], atOnce: number, signal: AbortSignal, run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      signal.throwIfAborted();
      const item = items[next++] as T;
      try {
        await run(item);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, items.length)) }, lane));
}
