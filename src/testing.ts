/** The package's `varve/testing`: file systems and an executor for tests. */
export * from './exec/testing.js'
export { FileSystemError, MemoryVfs } from './vfs/index.js'
export * from './vfs/testing.js'
