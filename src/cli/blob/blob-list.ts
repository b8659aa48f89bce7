/** What: `varve blob ls`: the keys of a cache. */
import { systemClock, toHex } from '../../base/index.js'
import { CacheView } from '../../blob-cache/index.js'
import type { ViewedBlob } from '../../blob-cache/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import { printable, printableBytes, printableJson } from '../printable.js'
import type { BlobPart } from './blob-part.js'

/** The number of keys that are printed at once. */
const LINES = 256

export const blobList: BlobPart = {
  options: { prefix: { type: 'string' }, limit: { type: 'string' }, long: { type: 'boolean' } },
  argumentsMax: 0,
  async run({ dir, isJson, values }, terminal) {
    const limit = values.limit === undefined ? Infinity : Number(values.limit)
    if (!(limit >= 1)) throw new UsageError(`--limit takes a number, not '${values.limit}'`)
    const prefix = new TextEncoder().encode(String(values.prefix ?? ''))
    const view = await CacheView.read(dir, systemClock.wallMs())
    let count = 0
    for await (const blob of view.blobs()) {
      if (count >= limit) break
      if (!prefix.every((byte, i) => blob.key[i] === byte)) continue
      terminal.out(`${isJson ? json(blob) : line(blob, values.long === true)}\n`)
      if (++count % LINES === 0) await terminal.printed()
    }
    return EXIT_OK
  },
}

function line({ key, bytes, expiresMs, segment }: ViewedBlob, isLong: boolean): string {
  const text = printableBytes(key)
  if (!isLong) return text
  const end = expiresMs === 0 ? 'never' : printable(timeText(expiresMs))
  return `${String(bytes).padStart(10)}  ${end.padEnd(24)}  ${String(segment).padStart(6)}  ${text}`
}

function json({ key, bytes, expiresMs, segment, seqNum }: ViewedBlob): string {
  return printableJson({
    key: printableBytes(key), keyHex: toHex(key), bytes, segment, seqNum,
    expires: expiresMs === 0 ? null : timeText(expiresMs),
  }, 0)
}

/** The last moment of a record's time is beyond what dates can say. */
function timeText(ms: number): string {
  return ms > 8.64e15 ? 'never' : new Date(ms).toISOString()
}
