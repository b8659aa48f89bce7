/**
 * What: the style `none`: tables and value logs stay as they are until `compact()` is called for a range, or
 * `collectGarbage()`.
 * Thread: any (pure).
 */
import type { Picker } from './compaction-pick.js'

export const nonePicker: Picker = {
  pick: () => null,
  scores: (version) => version.levels.map((_, level) => ({ level, score: 0, targetBytes: 0 })),
  pendingBytes: () => 0,
  pressures: () => [],
  within: () => nonePicker,
  tidy: () => nonePicker,
}
