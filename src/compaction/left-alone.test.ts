/** Files that compactions leave alone: at once for a wrong byte, at the third error of the disk in a value log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleValueLog } from '../../test/support/samples/manifest-samples.js'
import { ioError, VarveError } from '../base/index.js'
import type { ErrorCode } from '../base/index.js'
import type { CompactionTask } from './compaction-task.js'
import { FileSystemError } from '../vfs/index.js'
import { LeftAlone } from './left-alone.js'

const task = {
  pick: { inputs: [{ level: 6, tables: [sampleTable(7)] }] },
  condemned: [
    { ...sampleValueLog(8, 1000), liveCount: 1, liveBytes: 10 },
    { ...sampleValueLog(9, 1000, { isLog: true }), liveCount: 1, liveBytes: 10 },
  ],
} as unknown as CompactionTask

const error = (code: ErrorCode, file: string): VarveError => new VarveError(code, 'told to fail', { file })

test('A12: a table is left alone for a wrong byte, a value log for that, for being absent, or for three errors', () => {
  const cases: [ErrorCode, string, boolean[]][] = [
    ['CORRUPTION', '000007.table', [true]],
    ['IO_ERROR', '000007.table', [false, false, false, false]],
    ['CORRUPTION', '000008.vlog', [true]],
    ['MISSING_FILE', '000009.wal', [true]],
    ['IO_ERROR', '000009.wal', [false, false, true]],
    ['CORRUPTION', '000009.vlog', [false]],
    ['NO_SPACE', '000010.vlog.tmp.1.2', [false, false, false]],
  ]
  for (const [code, file, expected] of cases) {
    const leftAlone = new LeftAlone()
    assert.deepEqual(expected.map(() => leftAlone.note(task, error(code, file))), expected, `${code} ${file}`)
    const isTable = file.endsWith('.table')
    const files = expected.at(-1)! ? [Number.parseInt(file)] : []
    assert.deepEqual([...leftAlone.tables.keys()], isTable ? files : [])
    assert.deepEqual([...leftAlone.valueLogs.keys()], isTable ? [] : files, 'a value log blocks no merge')
    assert.deepEqual([...leftAlone.all], files)
  }
  assert.equal(new LeftAlone().note(task, new Error('another')), false)
})

test('ERR-4: a process without descriptors makes no value log be left alone, however often', () => {
  const leftAlone = new LeftAlone()
  for (const code of ['EMFILE', 'ENFILE', 'EMFILE', 'EMFILE']) {
    const short = ioError(new FileSystemError(code, 'open', '/db/000008.vlog'), 'open', '000008.vlog')
    assert.equal(leftAlone.note(task, short), false)
  }
  assert.deepEqual([...leftAlone.all], [])
})
