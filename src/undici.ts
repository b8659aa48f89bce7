/** The package's `varve/undici`: a blob cache as undici's store of cached answers. */
export * from './undici/index.js'
