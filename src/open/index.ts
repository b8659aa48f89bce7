/** Rank 8: the two ways in, to write and to read, and what both find in a directory. */
export { openEngine } from './open.js'
export { deleteOrphans, listOrphans } from './orphans.js'
export type { KeptFileInfo } from './orphans.js'
export type { RefreshResult } from './follower.js'
export { newFollowing } from './following.js'
export type { FollowCall, Following } from './following.js'
export { openReadOnly, ReadOnlyView } from './read-only.js'
export { collectStats } from './stats-collector.js'
