/** Rank 1: the file system as a parameter. The simulated ones stand behind testing.ts. */
export * from './vfs.js'
export * from './vfs-error.js'
export * from './vfs-steps.js'
export * from './late-syncs.js'
export { MemoryVfs } from './memory-vfs.js'
export { NodeVfs, vfsFromSpec } from './node-vfs.js'
export { forceUnlock, lockHolder } from './node-lock.js'
export type { LockHolder } from './node-lock.js'
