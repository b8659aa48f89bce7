/** What: numbers as people read them. */
import { MiB } from '../../base/index.js'

export function countText(n: number): string {
  return n.toLocaleString('en-US')
}

export function sizeText(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`
}

export function msText(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`
  return ms < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`
}
