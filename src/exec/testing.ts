/** The door to the executor for tests: only src/testing.ts opens it, so that no program loads it. */
export { simExecutor } from './sim-executor.js'
export type { SimExecutorOptions } from './sim-executor.js'
