/** Rank 14: a driver for unstorage on a blob cache. */
export { varveDriver } from './varve-driver.js'
export type { UnstorageMeta, VarveDriver, VarveDriverOptions } from './varve-driver.js'
