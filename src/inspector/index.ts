/** Rank 15: shows databases in a browser. Loaded only by those who ask for it. */
export { findInspector } from './find.js'
export { inspect } from './inspect.js'
export type { Inspection } from './inspect.js'
export type { InspectOptions } from './options.js'
export { Subject } from './subject.js'
