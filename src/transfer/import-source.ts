/**
 * What: where an import reads from: a file, or a source as callers give it; and which format its first bytes show.
 * Owns: the file that it reads. Thread: main.
 */
import { ioError, isByteView, KiB, MiB, unfilledBytes, VarveError } from '../base/index.js'
import type { ByteSource } from '../base/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { ExportFormat } from './entry-codec.js'

const READ_BYTES = MiB
/** The first line of a table of cells is shorter. */
const FIRST_BYTES = 4 * KiB

/** The bytes of a stream, one piece after the other. */
export interface ByteInput {
  /** What errors call it. */
  readonly name: string
  /** Bytes of all of it; null when that is not known. */
  readonly size: number | null
  /** The next piece, lent until the next call; null at the end. Rejects with IO_ERROR or SOURCE_FAILED. */
  next(): Promise<Uint8Array | null>
  /** No more is wanted. Never rejects. */
  end(reason: unknown): Promise<void>
}

/** A stream whose first bytes were looked at. */
export interface KnownInput {
  input: ByteInput
  first: Uint8Array
  format: ExportFormat
}

/** Opens a file. Rejects with NOT_FOUND or IO_ERROR. */
export async function openInputFile(vfs: Vfs, path: string): Promise<ByteInput> {
  try {
    return new FileInput(path, await vfs.open(await vfs.realPath(path), 'read'))
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw ioError(error, 'open', path)
    throw new VarveError('NOT_FOUND', `${path} does not exist`, { cause: error })
  }
}

class FileInput implements ByteInput {
  readonly name: string
  readonly size: number
  private readonly file: VfsFile
  private position = 0
  /** The piece that is being read while the one before is used. */
  private reading: Promise<Uint8Array> | null = null

  constructor(name: string, file: VfsFile) {
    this.name = name
    this.file = file
    this.size = file.sizeSync()
  }

  async next(): Promise<Uint8Array | null> {
    try {
      const bytes = await (this.reading ?? this.read())
      this.reading = null
      if (bytes.length === 0) return null
      this.reading = this.read()
      this.reading.catch(() => undefined) // the next call hears of it
      return bytes
    } catch (error) {
      throw ioError(error, 'read', this.name)
    }
  }

  private async read(): Promise<Uint8Array> {
    const bytes = unfilledBytes(READ_BYTES)
    const count = await this.file.read(bytes, 0, READ_BYTES, this.position)
    this.position += count
    return bytes.subarray(0, count)
  }

  async end(): Promise<void> {
    // A file that is closed under a read may be another one when the read comes to it.
    await this.reading?.catch(() => undefined)
    await this.file.close().catch(() => undefined)
  }
}

/** Takes the pieces of a caller's source. */
export function inputOf(source: ByteSource): ByteInput {
  return {
    name: 'the stream',
    size: null,
    async next() {
      let piece: unknown
      do {
        piece = await source.next().catch((error: unknown) => {
          throw VarveError.is(error) ? error : sourceError(`the source failed: ${String(error)}`, error)
        })
        if (piece === null) return null
        if (!isByteView(piece)) throw sourceError('the source gave something that is no Uint8Array')
      } while (piece.length === 0)
      return piece
    },
    async end(reason) {
      source.cancel(reason)
    },
  }
}

function sourceError(message: string, cause?: unknown): VarveError {
  return new VarveError('SOURCE_FAILED', message, cause === undefined ? {} : { cause })
}

/** Reads the first bytes, and tells the format of a stream that nobody has named. Rejects with INVALID_ARGUMENT. */
export async function knowInput(input: ByteInput, given: ExportFormat | 'auto'): Promise<KnownInput> {
  if (given !== 'auto') return { input, first: new Uint8Array(0), format: given }
  const parts: Uint8Array[] = []
  let length = 0
  while (length < FIRST_BYTES) {
    const piece = await input.next()
    if (piece === null) break
    parts.push(piece.slice())
    length += piece.length
  }
  const first = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    first.set(part, at)
    at += part.length
  }
  return { input, first, format: formatOf(first, input.name) }
}

function formatOf(first: Uint8Array, name: string): ExportFormat {
  const text = String.fromCharCode(...first.subarray(0, FIRST_BYTES))
  if (text.startsWith('varvexpt')) return 'varve'
  const shown = text.replace(/^\u00ef\u00bb\u00bf/, '').trimStart()
  if (shown.startsWith('{')) return 'jsonl'
  const [line = ''] = shown.split('\n', 1)
  if (/(^|,)\s*"?key(_hex|_base64)?"?\s*(,|$)/i.test(line)) return 'csv'
  throw new VarveError('INVALID_ARGUMENT', `${name} does not show its format`, {
    hint: `give the format: 'varve', 'jsonl', 'csv' or 'leveldb'`,
  })
}
