/** What: `varve blob get`: the bytes of one blob, each checked. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { ioError, systemClock, VarveError } from '../../base/index.js'
import { CacheView } from '../../blob-cache/index.js'
import { EXIT_OK, UsageError } from '../command.js'
import { printableJson } from '../printable.js'
import type { BlobPart } from './blob-part.js'

export const blobGet: BlobPart = {
  options: { out: { type: 'string' } },
  argumentsMax: 1,
  async run({ dir, rest: [key], isJson, values }, terminal) {
    if (key === undefined || key === '') throw new UsageError('blob get needs a key')
    const view = await CacheView.read(dir, systemClock.wallMs())
    const pieces = await view.get(new TextEncoder().encode(key))
    if (pieces === null) throw new VarveError('NOT_FOUND', `there is no blob under the key ${key}`)
    if (values.out !== undefined) {
      const bytes = await writeTo(String(values.out), pieces)
      if (isJson) terminal.out(`${printableJson({ key, bytes, file: values.out })}\n`)
    } else if (isJson) {
      const all: Uint8Array[] = []
      for await (const piece of pieces) all.push(piece)
      const value = Buffer.concat(all)
      terminal.out(`${printableJson({ key, bytes: value.length, base64: value.toString('base64') })}\n`)
    } else {
      for await (const piece of pieces) {
        terminal.outBytes(piece)
        await terminal.printed()
      }
    }
    return EXIT_OK
  },
}

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
