/** What: `varve blob ls`: the keys of a cache. */
import { systemClock, toHex } from '../../base/index.js'
import { CacheView } from '../../blob-cache/index.js'
import type { ViewedBlob } from '../../blob-cache/index.js'
import { EXIT_OK } from '../command.js'
import { bytesOption, defineCommand, flag, numberOption } from '../kit/index.js'
import { printable, printableBytes } from '../printable.js'
import { CACHE_DIR } from './blob-part.js'

export const blobList = defineCommand({
  name: 'blob ls',
  group: 'Other',
  summary: 'Keys, in no order',
  positionals: { dir: CACHE_DIR },
  options: {
    prefix: bytesOption('TEXT', 'only keys that begin so'),
    limit: numberOption('N', 'at most so many', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    long: flag('also bytes, end of life and segment'),
  },
  json: 'lines',
  onInterrupt: 'end',
  async run({ dir, prefix = new Uint8Array(0), limit = Infinity, long: isLong }, context) {
    const view = await CacheView.read(dir, systemClock.wallMs())
    let count = 0
    for await (const blob of view.blobs()) {
      if (count >= limit) break
      if (!prefix.every((byte, i) => blob.key[i] === byte)) continue
      context.line(() => jsonOf(blob), () => `${line(blob, isLong)}\n`)
      count++
      await context.paced()
    }
    return EXIT_OK
  },
})

function line({ key, bytes, expiresMs, segment }: ViewedBlob, isLong: boolean): string {
  const text = printableBytes(key)
  if (!isLong) return text
  const end = expiresMs === 0 ? 'never' : printable(timeText(expiresMs))
  return `${String(bytes).padStart(10)}  ${end.padEnd(24)}  ${String(segment).padStart(6)}  ${text}`
}

function jsonOf({ key, bytes, expiresMs, segment, seqNum }: ViewedBlob): object {
  return {
    key: printableBytes(key), keyHex: toHex(key), bytes, segment, seqNum,
    expires: expiresMs === 0 ? null : timeText(expiresMs),
  }
}

/** The last moment of a record's time is beyond what dates can say. */
function timeText(ms: number): string {
  return ms > 8.64e15 ? 'never' : new Date(ms).toISOString()
}
