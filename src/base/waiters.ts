/**
 * What: those who wait for something to change, woken all together. Who is woken looks again whether it is so.
 * Thread: main.
 */
export class Waiters {
  private resolvers: (() => void)[] = []

  /** Resolves at the next `wake`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.resolvers.push(resolve))
  }

  /** Resolves when `isSo` is true: it is asked now, and after each `wake`. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.next()
  }

  /** Those who wait go on in later microtasks, and whoever comes from now on waits for the next call. */
  wake(): void {
    for (const resolve of this.resolvers.splice(0)) resolve()
  }
}
