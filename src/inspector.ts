/** The package's `varve/inspector`: shows databases in a browser. */
export { inspect } from './inspector/index.js'
export type { Inspection, InspectOptions } from './inspector/index.js'
