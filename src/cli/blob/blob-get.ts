/** What: `varve blob get`: the bytes of one blob, each checked. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { ioError, systemClock, VarveError } from '../../base/index.js'
import { CacheView } from '../../blob-cache/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import { bytesWord, defineCommand, textOption } from '../kit/index.js'
import { printableBytes } from '../printable.js'
import { CACHE_DIR } from './blob-part.js'

export const blobGet = defineCommand({
  name: 'blob get',
  group: 'Other',
  summary: 'The bytes of a blob; exit code 1 when there is none',
  positionals: { dir: CACHE_DIR, key: bytesWord('KEY', 'a key', 'key of the blob') },
  options: { out: textOption('FILE', 'a new file for the bytes; else standard output') },
  json: 'object',
  onInterrupt: 'end',
  async run({ dir, key, out }, context) {
    if (key.length === 0) throw new UsageError('blob get needs a key')
    const view = await CacheView.read(dir, systemClock.wallMs())
    const pieces = await view.get(key)
    const shownKey = printableBytes(key)
    if (pieces === null) throw new VarveError('NOT_FOUND', `there is no blob under the key ${shownKey}`)
    if (out !== undefined) {
      const bytes = await writeTo(out, pieces)
      context.result({ key: shownKey, bytes, file: out }, () => '')
    } else if (context.isJson) {
      const all: Uint8Array[] = []
      for await (const piece of pieces) all.push(piece)
      const value = Buffer.concat(all)
      context.result({ key: shownKey, bytes: value.length, base64: value.toString('base64') }, () => '')
    } else {
      for await (const piece of pieces) {
        context.terminal.outBytes(piece)
        await context.terminal.printed()
      }
    }
    return EXIT_OK
  },
})

/** Writes the pieces to a new file; one that is there is not touched. */
async function writeTo(file: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      bytes += piece.length
      yield piece
    }
  }
  try {
    await pipeline(Readable.from(counted()), createWriteStream(file, { flags: 'wx' }))
  } catch (error) {
    throw VarveError.is(error) ? error : ioError(error, 'write', file)
  }
  return bytes
}
