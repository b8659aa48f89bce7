/**
 * What: times small pieces of code. Each case runs several times, the cases in turn, and the median
 * counts; the spread tells whether to believe it.
 */

export interface MicroCase {
  name: string
  /** The number of operations that one call of `run` does. */
  count: number
  run(): void | Promise<void>
  /** Runs before each timed call, untimed. */
  prepare?(): void | Promise<void>
}

export interface MicroResult {
  name: string
  /** Nanoseconds for one operation. */
  median: number
  min: number
  max: number
}

/** Runs each case several times. A first, untimed round lets the compiler do its work. */
export async function measure(cases: readonly MicroCase[], rounds = 7): Promise<MicroResult[]> {
  const times = cases.map(() => [] as number[])
  for (let round = 0; round <= rounds; round++) {
    for (const [at, { count, run, prepare }] of cases.entries()) {
      await prepare?.()
      const startMs = performance.now()
      await run()
      const ns = ((performance.now() - startMs) * 1e6) / count
      if (round > 0) times[at]!.push(ns)
    }
  }
  return cases.map(({ name }, at) => {
    const sorted = times[at]!.sort((a, b) => a - b)
    return { name, median: sorted[sorted.length >> 1]!, min: sorted[0]!, max: sorted.at(-1)! }
  })
}

function nanoseconds(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0).padStart(10)
}

/** Measures and prints a line a case. */
export async function micro(title: string, cases: readonly MicroCase[], rounds?: number): Promise<void> {
  const results = await measure(cases, rounds)
  const width = Math.max(title.length, ...cases.map(({ name }) => name.length))
  console.log(`\n${title.padEnd(width)}  ${['ns, median', 'min', 'max'].map((head) => head.padStart(10)).join('')}`)
  for (const { name, median, min, max } of results) {
    console.log(`${name.padEnd(width)}  ${[median, min, max].map(nanoseconds).join('')}`)
  }
}
