/** What: makes the picker of a style. A new style needs one more line here. */
import type { Picker } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { leveledPicker } from './pick-leveled.js'
import { nonePicker } from './pick-none.js'

export function createPicker(settings: CompactionSettings): Picker {
  switch (settings.style) {
    case 'leveled': return leveledPicker(settings)
    case 'none': return nonePicker
  }
}
