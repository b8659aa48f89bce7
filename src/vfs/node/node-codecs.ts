/**
 * What: the codecs of Node's zlib that a blob cache may use. They work in the platform's pool of threads.
 * Thread: any.
 */
import * as zlib from 'node:zlib'
import type { Codec, CodecName } from '../codec.js'

type Coder = (
  bytes: Uint8Array, options: { maxOutputLength: number }, done: (error: Error | null, result: Uint8Array) => void,
) => void

/** Newer versions of Node have these too. */
const newer = zlib as { zstdCompress?: Coder; zstdDecompress?: Coder }

function codec(compress: Coder, decompress: Coder): Codec {
  return { compress: (bytes, bytesMax) => run(compress, bytes, bytesMax), decompress: (bytes, bytesMax) =>
    run(decompress, bytes, bytesMax) }
}

function run(coder: Coder, bytes: Uint8Array, bytesMax: number): Promise<Uint8Array | null> {
  return new Promise((resolve) =>
    coder(bytes, { maxOutputLength: bytesMax }, (error, result) => resolve(error === null ? result : null)))
}

/** Gives a codec of this platform, or null where it has none of this name. */
export function nodeCodec(name: CodecName): Codec | null {
  switch (name) {
    case 'deflate': return codec(zlib.deflateRaw, zlib.inflateRaw)
    case 'brotli': return codec(zlib.brotliCompress, zlib.brotliDecompress)
    case 'zstd': {
      const { zstdCompress, zstdDecompress } = newer
      return zstdCompress === undefined || zstdDecompress === undefined ? null : codec(zstdCompress, zstdDecompress)
    }
  }
}
