/** Tries until there is something. @throws once the patience, in milliseconds, is over */
export async function eventually<T>(look: () => Promise<T | undefined>, patience = 30_000): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`it did not come within ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
