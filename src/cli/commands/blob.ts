/**
 * What: `varve blob`: looks at a blob cache without opening it. All but `rebuild` take no lock and change nothing in
 * the directory, so they work beside a process that has the cache.
 * Does not own: what each part does (blob/).
 */
import { blobDump } from '../blob/blob-dump.js'
import { blobGet } from '../blob/blob-get.js'
import { blobList } from '../blob/blob-list.js'
import { blobRebuild } from '../blob/blob-rebuild.js'
import { blobStats } from '../blob/blob-stats.js'
import { blobVerify } from '../blob/blob-verify.js'
import { defineParts } from '../kit/index.js'

export const blobCommand = defineParts({
  name: 'blob',
  group: 'Other',
  summary: 'Look at a blob cache: what it holds, whether it is whole, its keys and blobs',
  parts: [blobStats, blobVerify, blobList, blobGet, blobDump, blobRebuild],
  details: [
    'All but rebuild only read the directory, also while a process has the cache: then what is shown is what',
    'that process has written so far. A blob that it keeps in memory is not shown, one that it has deleted a',
    'moment ago may be.',
  ],
})
