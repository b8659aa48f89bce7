/** What: `varve blob stats`: what a cache holds. */
import { CacheView } from '../../blob-cache/index.js'
import type { ViewedSegment } from '../../blob-cache/index.js'
import { systemClock } from '../../base/index.js'
import { lockHolder } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { countText, sizeText } from '../demo/numbers.js'
import { defineCommand } from '../kit/index.js'
import { printable } from '../printable.js'
import { CACHE_DIR } from './blob-part.js'

const QUEUES = ['young', 'returned', 'main']

export const blobStats = defineCommand({
  name: 'blob stats',
  group: 'Other',
  summary: 'Segments, blobs and bytes',
  positionals: { dir: CACHE_DIR },
  json: 'object',
  onInterrupt: 'end',
  async run({ dir }, context) {
    const view = await CacheView.read(dir, systemClock.wallMs())
    const holder = await lockHolder(view.dir)
    const { segments, catalogNum, seqNum, markCount, snapshot } = view
    const queues = Object.fromEntries(QUEUES.map((queue) => [queue, totals(segments.filter((s) => s.queue === queue))]))
    const head = { dir: view.dir, holder, catalogNum, seqNum, markCount, snapshot }
    const all = { ...head, ...totals(segments), queues, segments }
    context.result(all, () => text(all))
    return EXIT_OK
  },
})

interface Totals {
  segmentCount: number
  fileBytes: number
  records: number
  items: number
  itemBytes: number
}

interface CacheSummary extends Totals {
  dir: string
  holder: { pid: number; host: string; since: string } | null
  catalogNum: number
  seqNum: number
  markCount: number
  snapshot: { file: string; bytes: number } | null
  queues: Record<string, Totals>
  segments: readonly ViewedSegment[]
}

function totals(segments: readonly ViewedSegment[]): Totals {
  const sum = (of: (segment: ViewedSegment) => number): number => segments.reduce((all, each) => all + of(each), 0)
  return {
    segmentCount: segments.length, fileBytes: sum((s) => s.fileBytes), records: sum((s) => s.records),
    items: sum((s) => s.items), itemBytes: sum((s) => s.itemBytes),
  }
}

function text(all: CacheSummary): string {
  const { dir, holder, catalogNum, seqNum, markCount, snapshot, queues, segments } = all
  const lines = [
    `varve blob cache ${printable(dir)}`,
    `catalog     ${catalogNum}, sequence ${countText(seqNum)}${markCount === 0 ? '' : `, ${markCount} purges`}`,
  ]
  if (snapshot !== null) {
    lines.push(`index       ${snapshot.file}, ${countText(snapshot.bytes)} bytes, of the last close`)
  }
  if (holder !== null) {
    lines.push(`writer      process ${holder.pid} on ${printable(holder.host)} since ${printable(holder.since)}`)
  }
  lines.push(`${'queue'.padEnd(12)}${['segments', 'bytes', 'records', 'blobs', 'live bytes'].map(right).join('')}`)
  for (const [queue, found] of Object.entries(queues)) lines.push(row(queue, found))
  lines.push(row('total', all))
  for (const { segment, problem } of segments) {
    if (problem !== null) lines.push(`! segment ${segment}: ${printable(problem)}`)
  }
  return `${lines.join('\n')}\n`
}

function row(title: string, { segmentCount, fileBytes, records, items, itemBytes }: Totals): string {
  const counts = [records, items].map(countText)
  const cells = [countText(segmentCount), sizeText(fileBytes), ...counts, sizeText(itemBytes)]
  return `${title.padEnd(12)}${cells.map(right).join('')}`
}

function right(cell: string): string {
  return cell.padStart(13)
}
