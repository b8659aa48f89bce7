/** The package's `varve/unstorage`: a driver for unstorage on a blob cache. */
export * from './unstorage/index.js'
