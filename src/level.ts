/** The package's `varve/level`: Varve as an abstract-level database, in ClassicLevel's place. */
export * from './level/index.js'
