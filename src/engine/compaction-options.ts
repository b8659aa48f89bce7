/**
 * What: the compaction settings that the options of open stand for.
 */
import type { CompactorPickers } from '../compaction/index.js'
import {
  createPicker, defaultCompactionSettings, garbageRatios, settingsWhenPaused, settingsWhenQuiet,
} from '../pick/index.js'
import type { CompactionSettings } from '../pick/index.js'
import type { ResolvedOptions } from './options.js'

export function compactionSettings(options: ResolvedOptions): CompactionSettings {
  const { writeBufferSize, garbageRatio, valueFileBytes, compaction: { style, maxBytes } } = options
  return {
    ...defaultCompactionSettings(writeBufferSize, style), ...garbageRatios(garbageRatio), valueFileBytes, maxBytes,
  }
}

export function makePickers(options: ResolvedOptions): CompactorPickers {
  const settings = compactionSettings(options)
  return {
    busy: createPicker(settings),
    paused: createPicker(settingsWhenPaused(settings)),
    quiet: createPicker(settingsWhenQuiet(settings)),
  }
}
