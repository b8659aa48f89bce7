/** The package's `varve/keyv`: a blob cache as a store of Keyv's. */
export * from './keyv/index.js'
