/**
 * What: the pages of work in the background, of memory and of logs: what was noted, with what people want to know of it
 * already worked out.
 * Thread: main (pure).
 */
import type { Stats } from '../stats/index.js'
import type { Lane } from './lanes.js'
import type { Watch } from './watch.js'
import type { RunRecord, StallRecord } from './work-books.js'

const RECENT_MAX = 100
const LANES_SHOWN = 20
/** A wait that was shorter is not drawn. */
const WAIT_SHOWN_MS = 2
const LEVEL_COLORS = 7

/** A bar of a lane, as the page draws it. */
export interface Bar { from: number; to: number; color: string; waits: boolean; name: string }

/** The stages of a memtable: name, colour, from when, until when, and whether it waits. */
export const STAGES = [
  ['filling', '--fill', 'filled', 'queued', false], ['queued', '--l1', 'queued', 'building', true],
  ['building', '--l4', 'building', 'built', false], ['built, waits', '--l0', 'built', 'installing', true],
  ['installing', '--l6', 'installing', 'released', false], ['log held', '--free', 'released', 'freed', true],
] as const

/** The table of a memtable; null where there is none, or none yet. */
interface Made { table: number | null; tableBytes: number | null; entries: number | null }
interface Took { filling: number; queued: number; building: number; turn: number; installing: number; held: number }
type Timed = Omit<Lane, keyof Made> & Made & { took: Took; why: string; label: string; note: string; bars: Bar[] }

export function pipelineView({ books, stats: { flush }, subject: { engine, clock } }: Watch): object {
  const nowMs = clock.wallMs()
  const lanes = (books?.lanes.all ?? []).map((lane) => timed(lane, nowMs))
  const done = lanes.filter(({ released, queued }) => released > 0 && queued > 0)
  const isSynced = engine?.options.manifestSync !== false
  const { workers = 0, immutablesMax = 0 } = engine?.options ?? {}
  return {
    lanes: lanes.slice(-LANES_SHOWN).reverse(), flush, workers, immutablesMax,
      install: isSynced ? 'each install is synced' : 'fast mode: synced later',
    count: done.length, median: medianOf(done.map(({ released, queued }) => released - queued)),
    recent: lanes.slice(-RECENT_MAX).reverse(), stages: stagesOf(lanes, isSynced),
  }
}

const NOT_MADE: Made = { table: null, tableBytes: null, entries: null }

function timed(lane: Lane, nowMs: number): Timed {
  const { filled, queued, building, built, installing, released, freed, waitBuild, waitInstall } = lane
  const between = (from: number, to: number): number => (from > 0 && to > 0 ? Math.max(0, to - from) : NaN)
  return {
    ...lane, ...(lane.table > 0 ? {} : NOT_MADE), label: `log ${lane.log}${lane.table > 0 ? ` → ${lane.table}` : ''}`,
    note: released > 0 && queued > 0 ? msText(released - queued) : '', bars: barsOf(lane, nowMs), why: [waitBuild,
      waitInstall].filter((each) => each !== '').join('; '),
    took: {
      filling: between(filled, queued), queued: between(queued, building), building: between(building, built),
      turn: between(built, installing), installing: between(installing, released), held: between(released, freed),
    },
  }
}

function barsOf(lane: Lane, nowMs: number): Bar[] {
  const isShown = ([, , start, end, waits]: (typeof STAGES)[number]): boolean => {
    return lane[start] > 0 && !(waits && lane[end] > 0 && lane[end] - lane[start] < WAIT_SHOWN_MS)
  }
  return STAGES.filter(isShown).map(([name, color, start, end, waits]) => {
    const [from, to] = [lane[start], lane[end] > 0 ? lane[end] : nowMs]
    const why = start === 'queued' ? lane.waitBuild : start === 'built' ? lane.waitInstall : ''
    return { from, to, color, waits,
      name: `log ${lane.log}: ${name}, ${msText(to - from)}${why === '' ? '' : `, for ${why}`}` }
  })
}

function msText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function stagesOf(lanes: readonly Timed[], isSynced: boolean): object[] {
  const stage = (name: string, field: keyof Took, why: string): object => {
    const all = lanes.map(({ took }) => took[field]).filter((each) => !Number.isNaN(each))
    return { name, median: medianOf(all), worst: all.length === 0 ? null : Math.max(...all), why }
  }
  return [
    stage('filling', 'filling', 'writes'), stage('queued', 'queued',
      countedReasons(lanes.map(({ waitBuild }) => waitBuild))),
    stage('building', 'building', 'a worker that sorts, writes and syncs'),
    stage('built, waits', 'turn', countedReasons(lanes.map(({ waitInstall }) => waitInstall))),
    stage('installing', 'installing', isSynced ? 'syncs of the directory and the manifest' : 'nothing: synced later'),
    stage('log held', 'held', isSynced ? '' : 'the sync of the manifest in the background'),
  ]
}

/** Reasons without their numbers, the most frequent first. */
function countedReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) {
    const kind = reason.replace(/(:| after failure|, behind log).*/, '')
    if (kind !== '') counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} (${count})`).join(', ')
}

function medianOf(values: readonly number[]): number | null {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? null
}

export function compactionsView({ books, stats, subject: { engine, clock } }: Watch): object {
  const runs = (books?.runs.all ?? []).map(told)
  const { compaction, wal } = stats
  return {
    lanes: inSlots(books?.runs.all ?? [],
      clock.wallMs()), recent: runs.slice(-RECENT_MAX).reverse(), compaction, workers: engine?.options.workers ?? 0,
    amplification: wal.writtenBytes > 0 ? compaction.writtenBytes / wal.writtenBytes : null,
    scores: compaction.levels.map((level) => {
      const isRunning = compaction.running.some(({ fromLevel }) => fromLevel === level.level)
      const state = isRunning ? 'under way' : level.score < 1 ? 'content' : `waits: ${compaction.active} running`
      return { ...level, state }
    }),
  }
}

function told(run: RunRecord): RunRecord & { levels: string; took: number | null; outcome: string } {
  const { from, to, begun, ended, failure } = run
  return {
    ...run, levels: from < 0 ? '' : `${from} → ${to}`, took: ended > 0 ? ended - begun : null,
    outcome: failure !== '' ? failure : ended > 0 ? 'done' : 'running',
  }
}

/** Puts each run into the first lane that is free when it begins, so runs at the same time have different ones. */
function inSlots(runs: readonly RunRecord[], nowMs: number): { label: string; bars: Bar[] }[] {
  const lanes: { label: string; bars: Bar[] }[] = []
  for (const { id, reason, from, to, begun, ended, inBytes, outBytes, failure } of runs) {
    const end = ended > 0 ? ended : nowMs
    let lane = lanes.find(({ bars }) => bars.at(-1)!.to <= begun)
    if (lane === undefined) lanes.push(lane = { label: `slot ${lanes.length + 1}`, bars: [] })
    const color = failure !== '' ? '--bad' : `--l${Math.max(0, Math.min(LEVEL_COLORS - 1, to))}`
    const levels = from < 0 ? '' : ` level ${from} to ${to},`
    const bytes = `${mibText(inBytes)} in, ${mibText(outBytes)} out`
    lane.bars.push({ from: begun, to: end, color, waits: false,
      name: `${id}: ${reason},${levels} ${bytes}, ${msText(end - begun)}` })
  }
  return lanes
}

function mibText(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

export function stallsView({ books, stats: { writeStall } }: Watch): object {
  const stalls = books?.stalls.all ?? []
  return { writeStall, recent: stalls.slice(-RECENT_MAX).reverse(), reasons: reasonsOf(stalls) }
}

function reasonsOf(stalls: readonly StallRecord[]): object[] {
  const reasons = new Map<string, { reason: string; state: string; count: number; lostMs: number; longestMs: number }>()
  for (const { reason, state, lostMs } of stalls) {
    const key = `${state} ${reason}`
    const all = reasons.get(key) ?? { reason, state, count: 0, lostMs: 0, longestMs: 0 }
    all.count++
    all.lostMs += lostMs
    all.longestMs = Math.max(all.longestMs, lostMs)
    reasons.set(key, all)
  }
  return [...reasons.values()].sort((a, b) => b.lostMs - a.lostMs)
}

export function memoryView({ stats: { memory, cache, files, iterators } }: Watch): object {
  const parts = Object.entries(memory)
    .filter(([name]) => name.endsWith('Bytes') && name !== 'budgetBytes' && name !== 'totalBytes')
    .map(([name, bytes]) => ({ name: PARTS[name] ?? name, bytes: bytes as number,
      share: (bytes as number) / memory.budgetBytes }))
  const lookups = cache.hitCount + cache.missCount
  return {
    memory, cache, files, iterators, parts, used: memory.totalBytes / memory.budgetBytes,
    hits: lookups === 0 ? null : cache.hitCount / lookups,
  }
}

const PARTS: Readonly<Record<string, string>> = {
  slabBytes: 'slabs that hold writes', freeSlabBytes: 'slabs kept for reuse',
    memtableIndexBytes: 'indexes of memtables',
  tableIndexBytes: 'indexes of tables', filterBytes: 'filters of tables', pointHashBytes: 'point hashes of tables',
  cacheBytes: 'block cache', readAheadBytes: 'values read ahead', waitingBytes: 'writes that wait',
    streamBytes: 'streamed values',
} satisfies Partial<Record<keyof Stats['memory'], string>>
