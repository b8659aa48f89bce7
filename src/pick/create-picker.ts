/** What: makes the picker of a style. A new style needs one more line here. */
import type { Picker } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { fifoPicker } from './pick-fifo.js'
import { mergingPicker } from './pick-merging.js'
import { nonePicker } from './pick-none.js'

export function createPicker(settings: CompactionSettings): Picker {
  switch (settings.style) {
    case 'leveled': case 'simple': case 'tiered': case 'lazy': return mergingPicker(settings)
    case 'fifo': return fifoPicker(settings)
    case 'none': return nonePicker
  }
}
