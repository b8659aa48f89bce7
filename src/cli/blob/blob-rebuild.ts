/** What: `varve blob rebuild`: makes a catalog of the segments alone. The one part of `varve blob` that writes. */
import { MiB, systemClock, systemRandom } from '../../base/index.js'
import { rebuildCache } from '../../blob-cache/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { countText } from '../demo/numbers.js'
import { printableJson } from '../printable.js'
import type { BlobPart } from './blob-part.js'

/** Nothing is dropped for its size here: the next open knows how much there may be. */
const SIZES = { maxBytes: 2 ** 50, segmentBytes: 64 * MiB, rollBytes: 4 * MiB }

export const blobRebuild: BlobPart = {
  options: {},
  argumentsMax: 0,
  async run({ dir, isJson }, terminal) {
    const options = { vfs: new NodeVfs(), clock: systemClock, random: systemRandom, sizes: SIZES }
    const rebuilt = await rebuildCache(dir, options)
    const { segments, items, droppedSegments } = rebuilt
    const dropped = droppedSegments === 0 ? '' : `; ${countText(droppedSegments)} could not be read`
    const text = `${countText(items)} blobs in ${countText(segments)} segments${dropped}\n`
    terminal.out(isJson ? `${printableJson(rebuilt)}\n` : text)
    return EXIT_OK
  },
}
