/**
 * What: compares the answers of one sequence of calls under several settings, and cuts a sequence with different
 * answers down to the calls that are needed for the difference.
 */
import { describeOperation, randomOperations } from './metamorphic-ops.js'
import type { Change, Operation } from './metamorphic-ops.js'
import { runOnDatabase, runOnModel } from './metamorphic-run.js'
import type { Configuration } from './metamorphic-run.js'

/** The number of runs that a cut may take. */
const RUNS_MAX = 200
const SHOWN_MAX = 40
const KIB = 1024

/** What has expired is destroyed as soon as it may be. */
const TINY = { writeBufferSize: 64 * KIB, blockSize: KIB, compaction: { style: 'leveled' }, ttlGraceMs: 0 } as const

export const configurations: readonly Configuration[] = [
  { name: 'in memory, tiny slabs', platform: 'memory', options: TINY, reopens: false },
  {
    name: 'in memory, no compaction, fast mode, no cache', platform: 'memory', reopens: true,
    options: { ...TINY, compaction: { style: 'none' }, manifestSync: false, blockCacheSize: 0 },
  },
  {
    name: 'in memory, large slabs and cache', platform: 'memory', reopens: false,
    options: { writeBufferSize: 4096 * KIB, blockSize: 16 * KIB, blockCacheSize: 8192 * KIB },
  },
  {
    name: 'in memory, tiny slabs, values of 512 bytes stand apart', platform: 'memory', reopens: true,
    options: { ...TINY, valueThreshold: 512, garbageRatio: 0.05, blockCacheSize: 2048 * KIB },
  },
  {
    name: 'in memory, tiny slabs, tables are packed, little cache', platform: 'memory', reopens: true,
    options: {
      ...TINY, compression: 'lz4', blockCacheSize: 16 * KIB, prefixFilter: { bytes: 2 }, ttlGraceMs: 1000,
    },
  },
  {
    name: 'in memory, values of 512 bytes stand apart, no compaction, fast mode, no cache', platform: 'memory',
    reopens: true,
    options: {
      ...TINY, compaction: { style: 'none' }, manifestSync: false, blockCacheSize: 0, valueThreshold: 512,
      flushOnClose: false,
    },
  },
  {
    name: 'on disk, two workers, values of 4 KiB stand apart, compactions pack', platform: 'node', reopens: true,
    options: { ...TINY, workers: 2, valueThreshold: 4096, maxOpenFiles: 16, compression: { compaction: 'lz4' } },
  },
  {
    name: 'on disk, no worker', platform: 'node', reopens: true,
    options: { ...TINY, workers: 0, flushOnClose: false, prefixFilter: { bytes: 1 } },
  },
  {
    name: 'on disk, one worker, one memtable, no cache', platform: 'node', reopens: true,
    options: { ...TINY, workers: 1, immutablesMax: 1, blockCacheSize: 0 },
  },
  {
    name: 'on disk, two workers, fast mode', platform: 'node', reopens: false,
    options: { ...TINY, workers: 2, manifestSync: false },
  },
  {
    name: 'in memory, tiny slabs, tiered', platform: 'memory', reopens: true,
    options: { ...TINY, compaction: { style: 'tiered' }, valueThreshold: 512, garbageRatio: 0.05 },
  },
  {
    name: 'on disk, two workers, another style at each open', platform: 'node', reopens: true,
    options: { ...TINY, workers: 2 },
    styles: [
      { style: 'tiered' }, { style: 'leveled' }, { style: 'lazy' }, { style: 'fifo', maxBytes: 2 ** 40 },
      { style: 'simple' }, { style: 'none' },
    ],
  },
  {
    name: 'on disk, two workers, large slabs, each write synced', platform: 'node', reopens: true,
    options: { writeBufferSize: 4096 * KIB, workers: 2, sync: true, flushOnClose: false },
  },
]

/** Throws with the seed and a short sequence when a database answers otherwise than the map does. */
export async function checkSeed(seed: number, count: number, tried: readonly Configuration[]): Promise<void> {
  const operations = randomOperations(seed, count)
  const expected = await runOnModel(operations)
  for (const configuration of tried) {
    const at = firstDifference(await runOnDatabase(configuration, operations), expected)
    if (at !== null) throw new Error(await explain(seed, configuration, operations.slice(0, at + 1)))
  }
}

function firstDifference(answers: readonly string[], expected: readonly string[]): number | null {
  const at = answers.findIndex((answer, i) => answer !== expected[i])
  return at < 0 ? null : at
}

/** Runs the sequence; null when it is answered as it should. */
async function failureOf(configuration: Configuration, operations: readonly Operation[]): Promise<string | null> {
  const [answers, expected] = [await runOnDatabase(configuration, operations), await runOnModel(operations)]
  const at = firstDifference(answers, expected)
  return at === null ? null : `call ${at + 1} answered ${cut(answers[at]!)}, not ${cut(expected[at]!)}`
}

function cut(text: string): string {
  return text.length > 600 ? `${text.slice(0, 600)}…` : `“${text}”`
}

/** Leaves out ever smaller parts while the rest still fails. With threads it may not fail again: then all stays. */
export async function shrink<T>(items: readonly T[], fails: (items: readonly T[]) => Promise<boolean>): Promise<T[]> {
  let rest = [...items]
  let runs = 0
  for (let size = rest.length >> 1; size >= 1; size >>= 1) {
    for (let start = 0; start < rest.length && runs < RUNS_MAX;) {
      const shorter = [...rest.slice(0, start), ...rest.slice(start + size)]
      runs++
      if (await fails(shorter)) rest = shorter
      else start += size
    }
  }
  return rest
}

/** Leaves out parts of each batch while the rest still fails. */
async function shrinkWrites(
  operations: readonly Operation[], fails: (operations: readonly Operation[]) => Promise<boolean>,
): Promise<Operation[]> {
  const rest = [...operations]
  for (const [at, operation] of rest.entries()) {
    if (operation.do !== 'write' || operation.changes.length < 2) continue
    const failsWith = (changes: readonly Change[]) => fails(rest.with(at, { ...operation, changes: [...changes] }))
    const changes = await shrink(operation.changes, failsWith)
    rest[at] = { ...operation, changes }
  }
  return rest
}

async function explain(seed: number, configuration: Configuration, operations: readonly Operation[]): Promise<string> {
  const fails = async (some: readonly Operation[]) => (await failureOf(configuration, some)) !== null
  const short = await shrinkWrites(await shrink(operations, fails), fails)
  const what = (await failureOf(configuration, short)) ?? 'it answered rightly when it was run again'
  const shown = short.map((operation, i) => `${i + 1} ${describeOperation(operation)}`).slice(-SHOWN_MAX)
  return [`seed ${seed}, ${configuration.name}: ${what}; ${short.length} calls:`, ...shown].join('\n')
}
