/**
 * What: callers that wait for something to change and are woken all together. Each then looks again whether it is true.
 * Thread: main.
 */
export class Waiters {
  private resolvers: (() => void)[] = []

  /** Resolves at the next `wake`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.resolvers.push(resolve))
  }

  /** Resolves when `isSo` gives true. It is called now, and after each `wake`. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.next()
  }

  /** Resumes all waiting callers, in later microtasks. A caller that comes from now on waits for the next `wake`. */
  wake(): void {
    for (const resolve of this.resolvers.splice(0)) resolve()
  }
}
