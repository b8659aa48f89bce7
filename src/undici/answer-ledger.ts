/**
 * What: which answers there are and how many bytes their bodies have, for limits on number and bytes: the oldest goes
 * first. What the cache evicted by itself is counted until its turn comes; so there are never more than counted.
 * Memory: about 200 bytes an answer. Thread: main.
 */
export class AnswerLedger {
  private readonly countMax: number
  private readonly bytesMax: number
  /** Bytes by key, in the order in which they were put. */
  private readonly answers = new Map<string, number>()
  private bytes = 0

  constructor(countMax: number, bytesMax: number) {
    this.countMax = countMax
    this.bytesMax = bytesMax
  }

  /** Notes an answer, and gives those that have to go for it. An answer that is over the limit alone goes itself. */
  put(key: string, bytes: number): string[] {
    this.remove(key)
    this.answers.set(key, bytes)
    this.bytes += bytes
    const gone: string[] = []
    for (const oldest of this.answers.keys()) {
      if (this.answers.size <= this.countMax && this.bytes <= this.bytesMax) break
      this.remove(oldest)
      gone.push(oldest)
    }
    return gone
  }

  remove(key: string): void {
    this.bytes -= this.answers.get(key) ?? 0
    this.answers.delete(key)
  }
}
