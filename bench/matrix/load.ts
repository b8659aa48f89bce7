/** What: writes the entries of a data set into an engine, and tells what that took until it is at rest. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { writtenBytes } from '../disk-usage.js'
import type { WrittenBytes } from '../disk-usage.js'
import { Latencies } from './latencies.js'
import type { RowResult } from './measure.js'
import { ROW } from './rows.js'
import type { Subject } from './subject.js'

const BATCH = 1000
/**
 * Larger sets come in larger batches, each in the order of its keys: a B-tree writes a page or two for every entry of a
 * batch that falls between others, which would be a hundred gigabytes for the largest set.
 */
const BULK_BATCH = 50_000
const BULK_FROM = 2_500_000
/** A batch has at most so many bytes of values. */
const BATCH_BYTES = 2 ** 20

export interface LoadResult {
  row: RowResult
  /** Seconds until the last batch was acknowledged, and until the files were at rest. */
  ackedSeconds: number
  settledSeconds: number
  /** Processor seconds of all threads, until rest, with the making of keys and values. */
  cpuSeconds: number
  /** Bytes of keys and values that were written. */
  putBytes: number
  /** Bytes that the process wrote until rest; null where the system does not say. */
  written: WrittenBytes | null
  /** Bytes of keys and values that are in the database. */
  liveBytes: number
}

/** Writes entries from the one that was loaded last on, to the end of the set. */
export async function load(subject: Subject): Promise<LoadResult> {
  const { entries, store } = subject
  const { set } = entries
  const isBulk = set.entryCount > BULK_FROM
  const size = isBulk ? BULK_BATCH : Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES / set.valueBytes)))
  const [before, cpu, from] = [writtenBytes(), process.cpuUsage(), subject.entryCount]
  const latencies = new Latencies()
  const monitor = monitorEventLoopDelay({ resolution: 1 })
  monitor.enable()
  const startMs = performance.now()
  while (subject.entryCount < set.entryCount) {
    const length = Math.min(size, set.entryCount - subject.entryCount)
    const batch = Array.from({ length }, () => newEntry(subject))
    if (isBulk) batch.sort((a, b) => Buffer.compare(a.key, b.key))
    const [keys, values] = [batch.map(({ key }) => key), batch.map(({ value }) => value)]
    const batchMs = performance.now()
    await store.batch(keys, values)
    latencies.add(performance.now() - batchMs)
    // An engine that answers at once would let nothing else run until the end.
    await setImmediate()
  }
  const ackedMs = performance.now() - startMs
  const ackedCpuMs = cpuMs(cpu)
  monitor.disable()
  await store.settle()
  const settledMs = performance.now() - startMs
  const count = subject.entryCount - from
  const entryBytes = entries.key(0).length + meanValueBytes(subject)
  return {
    row: {
      state: 'empty', row: isBulk ? ROW.bulkFill : ROW.fill,
      perSecond: (1000 * count) / ackedMs, cpuUs: (1000 * ackedCpuMs) / count,
      p50Us: latencies.percentileUs(0.5), p99Us: latencies.percentileUs(0.99), p999Us: latencies.percentileUs(0.999),
      loopP99Ms: Math.max(0, monitor.percentile(99) / 1e6 - 1), loopMaxMs: Math.max(0, monitor.max / 1e6 - 1),
    },
    ackedSeconds: ackedMs / 1000, settledSeconds: settledMs / 1000, cpuSeconds: cpuMs(cpu) / 1000,
    putBytes: count * entryBytes, written: before === null ? null : writtenBytes(before),
    liveBytes: subject.entryCount * entryBytes,
  }
}

function newEntry(subject: Subject): { key: Buffer; value: Buffer } {
  const i = subject.addEntry()
  return { key: subject.entries.key(i), value: subject.entries.value(i, 0) }
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

function meanValueBytes({ entries }: Subject): number {
  let sum = 0
  for (let i = 0; i < 1000; i++) sum += entries.value(i, 0).length
  return sum / 1000
}
