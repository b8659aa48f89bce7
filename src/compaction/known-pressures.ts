/**
 * What: the pressures on writers, computed once for each version and number of files that are left alone.
 * Owns: the last answer. Thread: main.
 */
import type { Version } from '../manifest/index.js'
import type { Pressure } from '../pick/index.js'

export class KnownPressures {
  private known: { version: Version; blockedCount: number; pressures: readonly Pressure[] } | null = null

  of(version: Version, blockedCount: number, compute: () => readonly Pressure[]): readonly Pressure[] {
    if (this.known?.version !== version || this.known.blockedCount !== blockedCount) {
      this.known = { version, blockedCount, pressures: compute() }
    }
    return this.known.pressures
  }
}
