import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleLogFacts, sampleValueLog, sampleVersions } from '../../test/support/samples/manifest-samples.js'
import { SeededRandom } from '../base/index.js'
import { applyEdit, findProblem, versionToEdit, applyEdits, emptyVersion } from '../manifest/index.js'
import { checkpointVersion, drawNewLineage } from './checkpoint-version.js'

const sound = sampleVersions().at(-1)!

test('CP-8, D4: of every sample the version is sound: own lineage, no pins, only the logs that come along', () => {
  for (const version of sampleVersions()) {
    const first = version.logPointer
    const logs = [first, first + 1].filter((fileNum) => fileNum > 0 && !version.valueLogs.has(fileNum))
      .map((fileNum) => ({ ...sampleLogFacts(fileNum, 4096), isExact: true, mustExist: true }))
    const seqNum = version.lastSeqNum + 7
    const made = checkpointVersion(version, { logs, seqNum, nextFileNum: version.nextFileNum + 50, lineage: 77 })
    assert.equal(findProblem(made), null)
    assert.deepEqual(made.lineage, { own: 77, parent: version.lineage.own, partedSeqNum: seqNum })
    assert.deepEqual([made.pins.size, made.logs.size, made.lastSeqNum], [0, logs.length, seqNum])
    const { dropTime, settings, position } = version
    assert.deepEqual([made.dropTime, made.settings, made.position], [dropTime, settings, position])
    assert.deepEqual([made.levels, made.hashSeed, made.flushStats], [version.levels, version.hashSeed, ''])
    assert.deepEqual(applyEdits(emptyVersion, [versionToEdit(made)]).logs, made.logs, 'it can be written and read')
  }
})

test('a value log that only a pin kept stays behind; one that a log names comes along', () => {
  const pointer = sound.logPointer
  const dead = { ...sampleValueLog(pointer - 1, 4096), isLog: true, namedInLog: 0 }
  const named = { ...sampleValueLog(sound.nextFileNum + 3, 4096), isLog: false, namedInLog: pointer }
  const version = applyEdit(sound, { addValueLogs: [dead, named], nextFileNum: sound.nextFileNum + 10 })
  const made = checkpointVersion(version, { logs: [], seqNum: version.lastSeqNum, nextFileNum: 1, lineage: 5 })
  assert.deepEqual([made.valueLogs.has(dead.fileNum), made.valueLogs.has(named.fileNum)], [false, true])
  assert.equal(made.nextFileNum, version.nextFileNum, 'never below the source')
})

test('a lineage is drawn until it is a new one', () => {
  const first = drawNewLineage(new SeededRandom(1, 'lineage'), sound)
  const clone = { ...sound, lineage: { own: first, parent: 0, partedSeqNum: 0 } }
  assert.notEqual(drawNewLineage(new SeededRandom(1, 'lineage'), clone), first)
})
