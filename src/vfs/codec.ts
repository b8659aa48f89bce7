/** What: a codec of the platform, as a parameter. */

/** The codecs that have a name here. */
export type CodecName = 'deflate' | 'brotli' | 'zstd'

/** Makes bytes fewer, and makes them again. */
export interface Codec {
  /** Gives the bytes compressed, or null when that are more than `bytesMax`. */
  compress(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array | null>
  /** Gives the plain bytes, or null when these are not compressed ones, or have more than `bytesMax`. */
  decompress(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array | null>
}
