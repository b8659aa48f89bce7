/**
 * What: times one row: operations are drawn, then done, about a millisecond's worth at a time. Only what is done
 * counts, with the turn of the event loop that follows it, in which an engine finishes what it does in the background.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { Latencies } from './latencies.js'

/** What a row does, over and over. */
export interface Operations {
  /** Makes what the next `count` operations ask for; not timed. */
  draw(count: number): void
  /** Does one of those that were drawn; what it gives is awaited when it is a promise. */
  one(at: number): unknown
  /** Operations under way together; 1 when absent. */
  inFlight?: number
  /** The number of entries that one of them reads or writes; 1 when absent. */
  entries?: number
}

export interface RowResult {
  /** What was there when the row began. */
  state: string
  row: string
  /** Operations a second, or entries where one operation is many. */
  perSecond: number
  /** Processor time of all threads for one of them. */
  cpuUs: number
  p50Us: number
  p99Us: number
  p999Us: number
  /** How late the event loop was while the row ran: late looks, and the latest. */
  loopP99Ms: number
  loopMaxMs: number
}

interface Totals {
  count: number
  ms: number
  cpuMs: number
}

const TURN_MS = 1
const CHUNK_MIN = 16
const CHUNK_MAX = 8192
/** Operations under way together are waited for at the end of a chunk, so it is made of so many times as many. */
const CHUNK_IN_FLIGHT = 16
/** One operation of so many is timed alone: looking at the clock takes as long as a twentieth of a fast one. */
const TIMED_MASK = 7
/** The event loop is looked at each millisecond. */
const RESOLUTION_MS = 1

/** Runs operations untimed, so that what is timed later meets compiled code. */
export async function warmUp(operations: Operations, seconds: number): Promise<void> {
  await run(operations, seconds, new Latencies())
}

export async function measure(
  names: { state: string; row: string }, operations: Operations, seconds: number,
): Promise<RowResult> {
  const latencies = new Latencies()
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  monitor.enable()
  const { count, ms, cpuMs } = await run(operations, seconds, latencies)
  // The monitor reports a delay that is still going on only when the loop turns.
  await setImmediate()
  await setImmediate()
  monitor.disable()
  const lateMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) || 0
  return {
    ...names, perSecond: (1000 * count) / ms, cpuUs: (1000 * cpuMs) / count,
    p50Us: latencies.percentileUs(0.5), p99Us: latencies.percentileUs(0.99), p999Us: latencies.percentileUs(0.999),
    loopP99Ms: lateMs(monitor.percentile(99)), loopMaxMs: lateMs(monitor.max),
  }
}

async function run(operations: Operations, seconds: number, latencies: Latencies): Promise<Totals> {
  const { inFlight = 1, entries = 1 } = operations
  const least = inFlight > 1 ? CHUNK_IN_FLIGHT * inFlight : entries > 1 ? 1 : CHUNK_MIN
  const totals: Totals = { count: 0, ms: 0, cpuMs: 0 }
  let chunk = least
  while (totals.ms < 1000 * seconds) {
    operations.draw(chunk)
    const startCpu = process.cpuUsage()
    const startMs = performance.now()
    if (inFlight === 1) await oneByOne(operations, chunk, latencies)
    else await together(operations, chunk, inFlight, latencies)
    await setImmediate()
    const ms = performance.now() - startMs
    const { user, system } = process.cpuUsage(startCpu)
    totals.count += chunk * entries
    totals.ms += ms
    totals.cpuMs += (user + system) / 1000
    chunk = Math.max(least, Math.min(CHUNK_MAX, Math.round(chunk * Math.min(2, TURN_MS / ms))))
  }
  return totals
}

async function oneByOne(operations: Operations, count: number, latencies: Latencies): Promise<void> {
  for (let at = 0; at < count; at++) {
    const isTimed = (at & TIMED_MASK) === 0
    const startMs = isTimed ? performance.now() : 0
    const answer = operations.one(at)
    if (typeof answer === 'object') await answer
    if (isTimed) latencies.add(performance.now() - startMs)
  }
}

async function together(
  operations: Operations, count: number, inFlight: number, latencies: Latencies,
): Promise<void> {
  let next = 0
  const client = async (): Promise<void> => {
    while (next < count) {
      const at = next++
      const startMs = performance.now()
      await operations.one(at)
      if ((at & TIMED_MASK) === 0) latencies.add(performance.now() - startMs)
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, client))
}
