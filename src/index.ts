/** The package's main entry. */
export * from './api/index.js'
