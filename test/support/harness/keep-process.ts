/** Keeps the process alive in tests that wait for parts of Varve without a call of the API that does it. */
import { after } from 'node:test'
import { systemClock } from '../../../src/base/index.js'

export function keepProcess(): void {
  const waiting = systemClock.keepAlive()
  after(() => waiting.cancel())
}
