/** The package's `varve/testing`: file systems for tests. */
export { FileSystemError, MemoryVfs } from './vfs/index.js'
export * from './vfs/testing.js'
