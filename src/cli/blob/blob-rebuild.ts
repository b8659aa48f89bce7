/** What: `varve blob rebuild`: makes a catalog of the segments alone. The one part of `varve blob` that writes. */
import { MiB, systemClock, systemRandom } from '../../base/index.js'
import { rebuildCache } from '../../blob-cache/index.js'
import { NodeVfs } from '../../vfs/index.js'
import { EXIT_OK } from '../command.js'
import { countText } from '../demo/numbers.js'
import { defineCommand } from '../kit/index.js'
import { CACHE_DIR } from './blob-part.js'

/** Nothing is dropped for its size here: the next open knows how much there may be. */
const SIZES = { maxBytes: 2 ** 50, segmentBytes: 64 * MiB, rollBytes: 4 * MiB }

export const blobRebuild = defineCommand({
  name: 'blob rebuild',
  group: 'Other',
  summary: 'Make a catalog of the segments alone, where the one there was is lost',
  positionals: { dir: CACHE_DIR },
  details: ['Deleted blobs may come back. No process may have the cache.'],
  json: 'object',
  // The new catalog takes its name when it is whole.
  onInterrupt: 'end',
  async run({ dir }, context) {
    const options = { vfs: new NodeVfs(), clock: systemClock, random: systemRandom, sizes: SIZES }
    const rebuilt = await rebuildCache(dir, options)
    const { segments, items, droppedSegments } = rebuilt
    const dropped = droppedSegments === 0 ? '' : `; ${countText(droppedSegments)} could not be read`
    context.result(rebuilt, () => `${countText(items)} blobs in ${countText(segments)} segments${dropped}\n`)
    return EXIT_OK
  },
})
