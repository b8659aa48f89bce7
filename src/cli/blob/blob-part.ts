/** What: what the parts of `varve blob` have in common. */
import { word } from '../kit/index.js'

/** The directory of a blob cache. */
export const CACHE_DIR = word('DIR', 'the directory of a cache', 'directory of the blob cache')
