// @ts-check
// What keeps values that expire right, each left out: hidden in time and no earlier, destroyed only when no reader can see
// them, nothing older shown behind them, no clock believed at once (docs/design/0042-expiry.md).

/** @type {readonly { file: string, from: string, to: string, what: string }[]} */
export const expirySites = [
  ...of('src/iterator/retention.ts', [
    ['what expires beyond the drop time is destroyed', 'if (expiryMs === 0 || expiryMs > dropTimeMs) return false', 'if (expiryMs === 0) return false'],
    [
      'a snapshot does not keep what it still sees',
      'return first === snapshots.length || (timesMs !== undefined && expiryMs <= timesMs[first]!)', 'return true',
    ],
    [
      'a snapshot keeps all that expires, for ever',
      'return first === snapshots.length || (timesMs !== undefined && expiryMs <= timesMs[first]!)', 'return first === snapshots.length',
    ],
    [
      'what expired goes although older versions lie below',
      '(this.isExpired || isTombstone(kind)) && isBelowAllReaders(this.rule, seqNum) && this.isBottom()',
      'isBelowAllReaders(this.rule, seqNum) && (this.isExpired || (isTombstone(kind) && this.isBottom()))',
    ],
    [
      'what expired goes although a reader stands below it',
      '(this.isExpired || isTombstone(kind)) && isBelowAllReaders(this.rule, seqNum) && this.isBottom()',
      '(this.isExpired || (isTombstone(kind) && isBelowAllReaders(this.rule, seqNum))) && this.isBottom()',
    ],
    ['what expired stays at the bottom', 'if ((this.isExpired || isTombstone(kind)) &&', 'if (isTombstone(kind) &&'],
    ['what expired is not counted', 'if (this.isExpired) this.expiredCount++', ''],
  ]),
  ...of('src/iterator/visibility.ts', [
    ['a value is seen at the moment of its expiry', 'expiryMs > timeMs', 'expiryMs >= timeMs'],
    ['a value is seen for ever', '(expiryMs === 0 || expiryMs > timeMs)', 'true'],
    ['no value is thought to expire', 'return (kind & VersionFlag.expiry) !== 0', 'return false'],
    ['a value with an expiry is taken for a plain one', 'return kind === PLAIN_KIND\n', 'return (kind & KIND_MASK) === PLAIN_KIND\n'],
    [
      'a merge carries on what may have expired', 'return kind === PLAIN_KIND || kind === EntryKind.valueHandle',
      'return (kind & KIND_MASK) === PLAIN_KIND || (kind & KIND_MASK) === EntryKind.valueHandle',
    ],
  ]),
  ...of('src/iterator/read-clock.ts', [
    ['a small step back of the clock shows again what had expired', 'this.lastMs - wallMs > STEP_BACK_MS', 'true'],
    ['a large step back of the clock is waited out', 'this.lastMs - wallMs > STEP_BACK_MS', 'false'],
    ['readers read before the drop time', 'return dropTimeMs <= lastMs || dropTimeMs > wallMs + WRONG_MS ? lastMs : dropTimeMs', 'return lastMs'],
    ['a drop time that was wrong binds for ever', 'dropTimeMs > wallMs + WRONG_MS', 'false'],
  ]),
  ...of('src/engine/drop-clock.ts', [
    ['a step of the wall clock is believed at once', 'if (Math.abs(wallMs - nowMs - this.offsetMs) > STEP_MS) this.beginGrace(wallMs, nowMs)', ''],
    ['the wall clock of an open is believed at once', 'this.graceFromMs = isBelieved ? -Infinity : nowMs', 'this.graceFromMs = -Infinity'],
    ['a clean close is not believed', 'this.graceFromMs = isBelieved ? -Infinity : nowMs', 'this.graceFromMs = nowMs'],
    ['a clean close of long ago is believed', 'closedMs >= 0 && closedMs <= CLOSE_BELIEVED_MS', 'closedMs >= 0'],
    ['a close in the future is believed', 'closedMs >= 0 && closedMs <= CLOSE_BELIEVED_MS', 'closedMs <= CLOSE_BELIEVED_MS'],
    ['the first step after an open has no limit', 'knownMs === 0 ? Infinity : knownMs + closedMaxMs', 'Infinity'],
    ['a drop time that was wrong stays', 'if (this.lastMs > wallMs + BEHIND_MS) {', 'if (false) {'],
    ['the drop time goes back', 'this.lastMs = Math.max(this.lastMs, Math.min(wallMs', 'this.lastMs = Math.max(0, Math.min(wallMs'],
  ]),
  ...of('src/engine/expiry-keeper.ts', [
    ['readers do not hear of the drop time', '    this.readClock.setDropTime(dropTimeMs)\n', ''],
    ['open iterators do not keep what they see', '    this.engine.iterators.holdMoments()\n', ''],
    ['a close in the grace says that the clocks agreed', '!this.isUsed || this.dropClock.graceLeftMs > 0', '!this.isUsed'],
    ['nobody looks when the next values have expired', '      this.engine.compactor.schedule()\n      this.look()\n', ''],
  ]),
  ...of('src/versions/snapshot-list.ts', [
    ['the latest time of readers at one number counts', 'held.timeMs = Math.min(held.timeMs, timeMs)', 'held.timeMs = timeMs'],
    ['readers above a number do not count', 'earliestMs = Math.min(earliestMs, held.timeMs)', 'earliestMs = held.timeMs'],
  ]),
  ...of('src/compaction/compaction-steps.ts', [
    ['the edit of tables that leave does not tell the drop time', "pick.kind === 'drop' ? dropTimeMs > 0 :", "pick.kind === 'drop' ? false :"],
    ['the edit of a merge does not tell the drop time', 'result !== null && result.expiredCount > 0', 'false'],
  ]),
  ...of('src/flush/flusher.ts', [['the edit of a flush does not tell the drop time', 'task.isDropping ? { dropTime', 'false ? { dropTime']]),
  ...of('src/pick/pick-expired.ts', [
    ['a table leaves of which a part expires', 'expiry.count === entryCount', 'true'],
    ['a table leaves with its range tombstones', 'spans === null &&', ''],
    ['a table leaves although a reader stands below its newest number', 'largestSeqNum <= context.held &&', ''],
    ['a table leaves before its last value has expired', 'expiry.latestMs <= timeFor(table, times) &&', ''],
    ['a table leaves although a level below has keys of its extent', 'if (firstOverlap(context, extent, level + 1) !== null) return true\n', ''],
    [
      'a table leaves level 0 although an older one has keys of its extent',
      'return level === 0 && context.version.levels[0]!.overlapping(extent).at(-1) !== table', 'return false',
    ],
    ['readers of a table do not count', 'return Math.min(dropTimeMs, earliestReadMs(smallestSeqNum))', 'return dropTimeMs'],
    ['the drop time does not count', 'return Math.min(dropTimeMs, earliestReadMs(smallestSeqNum))', 'return earliestReadMs(smallestSeqNum)'],
    ['a table is written anew for little', 'share >= SHARE_MIN &&', 'share > 0 &&'],
    ['a table that is taken is picked again', '&& !context.unavailable.has(table.fileNum)) found', ') found'],
    ['no table is written anew', '  return pickRewrite(context, times)\n', '  return null\n'],
    ['a table is due that is not taken', '&& expiredShare(table, ms) >= SHARE_MIN) dueMs', ') dueMs'],
  ]),
  ...of('src/sstable/expiry-tally.ts', [
    ['the earliest expiry is not noted', 'if (expiryMs < this.earliestMs) this.earliestMs = expiryMs', 'if (this.count === 0) this.earliestMs = expiryMs'],
    ['the latest expiry is not noted', 'if (expiryMs > this.latestMs) this.latestMs = expiryMs', 'if (this.count === 0) this.latestMs = expiryMs'],
    ['expiries are not in order', 'SAMPLE_COUNT)).sort()', 'SAMPLE_COUNT))'],
    ['the last octile is that of the sample', '    octilesMs[PARTS - 1] = latestMs\n', ''],
    ['only the first expiries are a sample', 'this.count < SAMPLE_COUNT ? this.count : this.draw(this.count + 1)', 'this.count'],
  ]),
  ...of('src/commit/lifetime.ts', [
    ['an expiry of 0 is none', 'return Math.max(1, expiresAt)', 'return expiresAt'],
    ['each value of a batch has a time of its own', 'if (this.ms === 0) this.ms =', 'this.ms ='],
  ]),
  ...of('src/api/touch.ts', [['a touch does not see what waits', '  engine.pipeline.writeWaiting()\n', '']]),
]

/**
 * @param {string} file
 * @param {readonly (readonly [what: string, from: string, to: string])[]} sites
 */
function of(file, sites) {
  return sites.map(([what, from, to]) => ({ file, what, from, to }))
}
