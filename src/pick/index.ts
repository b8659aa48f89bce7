/** Rank 4: what to compact next; pure functions of a version. */
export {
  canRunBeside, editOf, inputTables, letGoOf, outputShare, RAW_BYTES_SHARE, reservationOf, totalBytes, valueBytesOf,
} from './compaction-pick.js'
export type {
  CompactionPick, LevelScore, PickKind, PickReason, Picker, Pressure, PressureReason, RunningCompaction,
} from './compaction-pick.js'
export {
  COMPACTION_STYLES, defaultCompactionSettings, GARBAGE_RATIO_DEFAULT, garbageLeft, garbageRatios, settingsWhenPaused,
  settingsWhenQuiet,
} from './compaction-settings.js'
export type { CompactionSettings, CompactionStyle } from './compaction-settings.js'
export { garbageBytesOf } from './condemned-logs.js'
export { placeOutside } from './outside-levels.js'
export type { OutsidePlace } from './outside-levels.js'
export { pickContext } from './pick-context.js'
export { createPicker } from './create-picker.js'
export { collectionPicker } from './pick-collection.js'
export { expiryDueMs, pickExpired } from './pick-expired.js'
export type { ExpiryTimes } from './pick-expired.js'
export { manualPicker } from './pick-manual.js'
export type { ManualPicker } from './pick-manual.js'
