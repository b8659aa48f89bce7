/** Values that a run moves: their bytes, their handles, what is read and what is left behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  crc32, encodeFileHeader, EntryKind, FILE_HEADER_BYTES, fileSeed, handleChecksum, handleFileNum, handleLength,
  handleOffset, KiB, MiB, putValueHandle, SeededRandom, valueLogFileName, VALUE_HANDLE_BYTES, vlogFileName,
} from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { ValueLogFacts } from '../manifest/index.js'
import type { MemoryVfs } from '../vfs/index.js'
import { ValueLogWriter } from '../vlog/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { scanValueLog } from '../../test/support/samples/value-log-scan.js'
import {
  compact, DIR, headerOf, inputOf, newDisk, readOutput, writeInput,
} from '../../test/support/scenes/compaction-scene.js'
import type { CompactionRunInput, CompactionRunOutput } from './compaction-run.js'
import type { ValueMoves } from './value-mover.js'

const random = new SeededRandom(5, 'value mover')

interface Stored {
  readonly key: string
  readonly value: Uint8Array
  /** The value log that has it; 0: the table. */
  readonly log: number
}

function draw(key: string, bytes: number, log: number): Stored {
  const value = new Uint8Array(bytes)
  random.fill(value)
  return { key, value, log }
}

/** Some value logs with what tables say, and one table of handles that point into them in the order of its keys. */
class Scene {
  readonly vfs: MemoryVfs = newDisk()
  readonly logs = new Map<number, ValueLogFacts>()
  readonly table: TableFacts
  readonly stored: readonly Stored[]
  private readonly handles = new Map<Stored, Uint8Array>()

  /** Log 90 is a log that was promoted, every other number a value log; values go into each in the order given. */
  constructor(stored: readonly Stored[], order: readonly Stored[] = stored) {
    this.stored = stored
    for (const log of new Set(stored.map((it) => it.log))) {
      if (log !== 0) this.write(log, order.filter((it) => it.log === log))
    }
    this.table = writeInput(this.vfs, 7, [...stored].sort((a, b) => (a.key < b.key ? -1 : 1)).map((it, i) => ({
      key: Buffer.from(it.key), seqNum: 100 + i,
      kind: it.log === 0 ? EntryKind.value : EntryKind.valueHandle, value: this.handles.get(it) ?? it.value,
    })))
  }

  private write(fileNum: number, values: readonly Stored[]): void {
    const isLog = fileNum === 90
    const header = headerOf(fileNum, isLog ? 'varvelog' : 'varvevlg')
    const name = valueLogFileName({ fileNum, isLog })
    const file = this.vfs.openSync(`${DIR}/${name}`, 'create')
    const writer = new ValueLogWriter(file, name, header)
    let at = FILE_HEADER_BYTES
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader(header, bytes)
    if (isLog) file.writeSync(bytes, 0, bytes.length, 0)
    for (const each of values) {
      const { key, value } = each
      const handle = new Uint8Array(VALUE_HANDLE_BYTES)
      if (isLog) {
        at += 52
        file.writeSync(value, 0, value.length, at)
        const checksum = crc32(value, 0, value.length, (fileSeed(header) ^ at) >>> 0)
        putValueHandle(handle, 0, at, value.length, checksum, fileNum)
        at += value.length
      } else {
        writer.stage(Buffer.from(key), 0, key.length, 5, EntryKind.value)
        writer.add(value, 0, value.length, crc32(value, 0, value.length), 0)
        writer.putHandle(handle, 0)
      }
      this.handles.set(each, handle)
    }
    if (!isLog) writer.finish()
    const putBytes = values.reduce((sum, { value }) => sum + value.length, 0)
    this.logs.set(fileNum, {
      fileNum, isLog, bytes: isLog ? at : writer.bytes, salt: header.salt, putCount: values.length, putBytes,
      namedInLog: 0, liveCount: values.length, liveBytes: putBytes,
    })
    file.closeSync()
  }

  offsetOf(stored: Stored): number {
    return handleOffset(this.handles.get(stored)!, 0)
  }

  movesOut(condemned: readonly number[], more: Partial<ValueMoves> = {}): ValueMoves {
    const numbers = [800, 801, 802, 803, 804, 805, 806, 807]
    return {
      condemned: condemned.map((log) => this.logs.get(log)!),
      headers: numbers.map((fileNum) => headerOf(fileNum, 'varvevlg')),
      fileNames: numbers.map((fileNum) => vlogFileName(fileNum)), fileBytes: 1 << 30, ...more,
    }
  }

  run(condemned: readonly number[], more: Partial<ValueMoves> = {}, input: Partial<CompactionRunInput> = {}) {
    return compact(this.vfs, inputOf([[this.table]], { ...input, moves: this.movesOut(condemned, more) }))
  }

  /** Asserts that every value is where its entry says, out of what was condemned; returns the files they are in. */
  check({ outputs, valueLogs, movedBytes }: CompactionRunOutput, condemned: readonly number[]): number[] {
    const entries = outputs.flatMap((facts) => readOutput(this.vfs, facts))
    assert.equal(entries.length, this.stored.length)
    const files = new Map([...this.logs.values(), ...valueLogs].map((facts) => [facts.fileNum, facts]))
    const used = new Set<number>()
    let moved = 0
    for (const { key, value, log } of this.stored) {
      const entry = entries.find((it) => Buffer.from(it.key).toString() === key)!
      if (log === 0) {
        assert.deepEqual([entry.kind, Buffer.from(entry.value)], [EntryKind.value, Buffer.from(value)])
        continue
      }
      assert.equal(entry.kind, EntryKind.valueHandle)
      const facts = files.get(handleFileNum(entry.value, 0))!
      used.add(facts.fileNum)
      assert.equal(facts.fileNum === log, !condemned.includes(log), 'what is not condemned is carried')
      if (facts.fileNum !== log) moved += value.length
      const [offset, length] = [handleOffset(entry.value, 0), handleLength(entry.value, 0)]
      assert.equal(length, value.length)
      assert.ok(offset + length <= facts.bytes)
      const read = new Uint8Array(length)
      const file = this.vfs.openSync(`${DIR}/${valueLogFileName(facts)}`, 'read')
      file.readSync(read, 0, length, offset)
      file.closeSync()
      assert.ok(Buffer.compare(read, value) === 0, `the value of ${key}`)
      assert.equal(crc32(read, 0, length, (fileSeed(facts) ^ offset) >>> 0), handleChecksum(entry.value, 0))
    }
    assert.equal(movedBytes, moved)
    this.checkNewFiles(valueLogs)
    return [...used].sort((a, b) => a - b)
  }

  /** Asserts that the files are whole, in key order, and as the facts say. */
  private checkNewFiles(valueLogs: CompactionRunOutput['valueLogs']): void {
    const keys: string[] = []
    for (const facts of valueLogs) {
      const name = valueLogFileName(facts)
      const file = this.vfs.openSync(`${DIR}/${name}`, 'read')
      const scanned = [...scanValueLog({ file, name })]
      assert.deepEqual([facts.putCount, facts.bytes], [scanned.length, file.sizeSync()])
      assert.equal(facts.putBytes, scanned.reduce((sum, { length }) => sum + length, 0))
      keys.push(...scanned.map(({ key }) => Buffer.from(key).toString()))
      file.closeSync()
    }
    assert.deepEqual(keys, [...keys].sort())
  }
}

/** Draws values of many lengths in three files and in the table; in the files they are not in the order of keys. */
function drawScene(count: number, bytesMax: number): Scene {
  const stored = Array.from({ length: count }, (_, i) =>
    draw(`key ${String(i).padStart(6, '0')}`, i % 17 === 0 ? 0 : random.below(bytesMax), [90, 91, 92, 0][i % 4]!))
  const order = stored.map((it) => ({ it, at: random.below(1e9) })).sort((a, b) => a.at - b.at).map(({ it }) => it)
  return new Scene(stored, order)
}

test('VLG-7: values move with their bytes, checksums and keys; what is not condemned is carried as it is', () => {
  for (const condemned of [[90], [91], [90, 91], [90, 91, 92]]) {
    const scene = drawScene(400, 3000)
    const output = scene.run(condemned)
    const used = scene.check(output, condemned)
    assert.deepEqual(used, [90, 91, 92].filter((log) => !condemned.includes(log)).concat(800))
    const referred = output.outputs[0]!.valueFiles.find(({ fileNum }) => fileNum === 800)!
    assert.deepEqual([referred.valueCount, referred.valueBytes], [output.valueLogs[0]!.putCount, output.movedBytes])
  }
})

test('a run goes on to another file at the size of one, and its tables end where they end', () => {
  const scene = drawScene(3000, 2000)
  const output = scene.run([90, 92], { fileBytes: 300 * KiB }, { tableBytes: 20 * KiB })
  assert.ok(output.valueLogs.length > 3 && output.outputs.length > 5)
  scene.check(output, [90, 92])
  assert.ok(output.valueLogs.slice(0, -1).every(({ bytes }) => bytes >= 300 * KiB && bytes < 310 * KiB))
})

test('a value larger than the window goes in pieces', () => {
  const sizes = [10, 4 * MiB, 4 * MiB + 1, 9 * MiB, 70_000, 600 * KiB, 600 * KiB]
  const scene = new Scene(sizes.map((bytes, i) => draw(`key ${i}`, bytes, i % 2 === 0 ? 90 : 91)))
  scene.check(scene.run([90, 91]), [90, 91])
})

test('keys longer than values', () => {
  const scene = new Scene(Array.from({ length: 50 }, (_, i) => draw(`${i + 10}${'k'.repeat(9000 + i)}`, 600, 91)))
  scene.check(scene.run([91], { fileBytes: 100 * KiB }), [91])
})

test('what is dropped is not moved', () => {
  const scene = new Scene([draw('a', 700, 91), draw('b', 800, 91)])
  const newer = writeInput(scene.vfs, 9, [
    { key: Buffer.from('a'), seqNum: 500, kind: EntryKind.tombstone, value: new Uint8Array(0) },
  ])
  const output = compact(scene.vfs, inputOf([[newer], [scene.table]], { moves: scene.movesOut([91]) }))
  assert.equal(output.movedBytes, 800)
  assert.deepEqual(output.outputs[0]!.valueFiles, [{ fileNum: 800, valueCount: 1, valueBytes: 800 }])
})

test('S18: a run whose entries all go makes no value log', () => {
  const scene = new Scene([draw('a', 700, 91)])
  const newer = writeInput(scene.vfs, 9, [
    { key: Buffer.from('a'), seqNum: 500, kind: EntryKind.tombstone, value: new Uint8Array(0) },
  ])
  const output = compact(scene.vfs, inputOf([[newer], [scene.table]], { moves: scene.movesOut([91]) }))
  assert.deepEqual([output.outputs, output.valueLogs, output.movedBytes], [[], [], 0])
  assert.ok(!scene.vfs.listSync(DIR).includes(vlogFileName(800)))
})

test('S11: a value that is wrong fails the whole run, which names the file and the place, and leaves nothing', () => {
  for (const bytes of [600, 70_000, 5 * MiB]) {
    const damaged = draw('b', bytes, 91)
    const scene = new Scene([draw('a', 900, 91), damaged, draw('c', 900, 90)])
    const before = scene.vfs.listSync(DIR)
    const file = scene.vfs.openSync(`${DIR}/${vlogFileName(91)}`, 'write')
    const offset = scene.offsetOf(damaged)
    file.writeSync(Buffer.from([damaged.value.at(-1)! ^ 1]), 0, 1, offset + bytes - 1)
    const error = expectError(() => scene.run([90, 91]), 'CORRUPTION')
    assert.deepEqual([error.file, error.offset], [vlogFileName(91), offset])
    assert.deepEqual(scene.vfs.listSync(DIR), before)
    file.writeSync(damaged.value, bytes - 1, 1, offset + bytes - 1)
    file.closeSync()
    scene.check(scene.run([90, 91]), [90, 91])
  }
})

test('A22: another file of that name, a shorter one, or none is an error that names it', () => {
  const name = vlogFileName(91)
  const make = (): Scene => new Scene([draw('a', 900, 91)])
  const damaged: [string, (scene: Scene) => void, string][] = [
    ['MISSING_FILE', ({ vfs }) => vfs.unlinkSync(`${DIR}/${name}`), 'lists it'],
    ['CORRUPTION', ({ logs }) => logs.set(91, { ...logs.get(91)!, bytes: 1 << 20 }), 'the manifest says'],
    ['CORRUPTION', ({ logs }) => logs.set(91, { ...logs.get(91)!, salt: new Uint8Array(8) }), 'another file'],
    ['CORRUPTION', ({ logs }) => logs.set(91, { ...logs.get(91)!, bytes: 200 }), 'count in all'],
  ]
  for (const [code, damage, said] of damaged) {
    const scene = make()
    damage(scene)
    const error = expectError(() => scene.run([91]), code as 'CORRUPTION')
    assert.ok(error.message.includes(said), error.message)
    assert.equal(error.file, name)
  }
})

test('A19: memory does not grow with what lies between two values that are moved, and reads stay in one window', () => {
  const scene = drawScene(2000, 3000)
  const reads: number[] = []
  const { openSync } = scene.vfs
  const vfs = Object.create(scene.vfs, {
    openSync: { value: (path: string, mode: 'read') => {
      const file = openSync.call(scene.vfs, path, mode)
      if (!path.endsWith('.vlog') || mode !== 'read') return file
      return Object.create(file, {
        readSync: { value: (bytes: Uint8Array, at: number, length: number, offset: number) => {
          reads.push(length)
          return file.readSync(bytes, at, length, offset)
        } },
        closeSync: { value: () => file.closeSync() }, sizeSync: { value: () => file.sizeSync() },
      }) as typeof file
    } },
  }) as MemoryVfs
  const output = compact(vfs, inputOf([[scene.table]], { moves: scene.movesOut([91]) }))
  scene.check(output, [91])
  assert.ok(Math.max(...reads) <= MiB)
  assert.ok(reads.length < 50, `neighbours are read together: ${reads.length} reads of 500 values`)
})

test('a run that is given up leaves nothing', () => {
  const scene = drawScene(100, 3000)
  const before = scene.vfs.listSync(DIR)
  const control = new SharedArrayBuffer(8)
  new Int32Array(control)[0] = 1
  expectError(() => scene.run([90, 91], {}, { control }), 'ABORTED')
  assert.deepEqual(scene.vfs.listSync(DIR), before)
})
