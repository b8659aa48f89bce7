/** What: the sizes that a store works with; tests have small ones. */
import type { BlobCodecs } from './blob-codec.js'

export interface StoreSettings {
  maxBytes: number
  segmentBytes: number
  slabBytes: number
  /** The largest blob. */
  blobBytesMax: number
  /** With what values may be compressed. */
  codecs: BlobCodecs
  /** A catalog that is longer is written anew. */
  rollBytes: number
}
