/**
 * Table: nanoseconds per add, get, scanned entry.
 * Run: `node dist/bench/micro/table.bench.js [entries] [block KiB]`
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { KeyHash, runSync, SeededRandom, useNativeCrc32 } from '../../src/base/index.js'
import type { PointResult } from '../../src/base/index.js'
import { BlockCache } from '../../src/cache/index.js'
import { openTable, TableBuilder } from '../../src/sstable/index.js'
import type { VfsFile } from '../../src/vfs/index.js'

useNativeCrc32(crc32 as never)
const entries = Number(process.argv[2] ?? 500_000)
const blockBytes = Number(process.argv[3] ?? 8) * 1024
const path = `/tmp/varve-table-bench-${process.pid}`
const random = new SeededRandom(7)
const keys = new Uint8Array(16 * entries)
const order = new Uint32Array(entries)
const encoder = new TextEncoder()
for (let i = 0; i < entries; i++) {
  keys.set(encoder.encode(String(i * 2).padStart(16, '0')), 16 * i)
  order[i] = i
}
for (let i = entries - 1; i > 0; i--) {
  const j = random.below(i + 1)
  const kept = order[i]!
  order[i] = order[j]!
  order[j] = kept
}
const absent = new Uint8Array(16 * entries)
for (let i = 0; i < entries; i++) {
  absent.set(keys.subarray(16 * i, 16 * i + 16), 16 * i)
  absent[16 * i + 15]!++
}
const values = new Uint8Array(1 << 20)
random.fill(values)

function openFile(flags: string): VfsFile {
  const fd = openSync(path, flags)
  return {
    path,
    readSync: (target, at, length, position) => readSync(fd, target, at, length, position),
    writeSync: (source, at, length, position) => writeSync(fd, source, at, length, position),
    sizeSync: () => facts.bytes,
    closeSync: () => closeSync(fd),
  } as VfsFile
}

function report(what: string, count: number, run: () => void): void {
  const start = performance.now()
  const startCpu = process.cpuUsage()
  run()
  const wall = ((performance.now() - start) * 1e6) / count
  const { user, system } = process.cpuUsage(startCpu)
  const cpu = ((user + system) * 1e3) / count
  console.log(`${what.padEnd(34)} ${wall.toFixed(0).padStart(6)} ns   cpu ${cpu.toFixed(0).padStart(6)} ns`)
}

/** What one cache miss costs here and now: the other figures mean little without it. */
const chain = new Uint32Array(1 << 24)
for (let i = 0; i < chain.length; i++) chain[i] = (Math.imul(i, 0x9e3779b1) + 12345) >>> 8
report('one random load in 64 MiB', 1_000_000, () => {
  let at = 1
  for (let i = 0; i < 1_000_000; i++) at = (chain[at]! + i) & 0xffffff
  if (at < 0) console.log(at)
})

const salt = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
const databaseId = new Uint8Array(16)
let facts = build()
for (let round = 0; round < 3; round++) report('add (with finish and write)', entries, () => void (facts = build()))

function build(): ReturnType<TableBuilder['finish']> {
  const file = openFile('w+')
  const builder = new TableBuilder(file, { fileNum: 1, databaseId, salt, generation: 1, blockBytes })
  for (let i = 0; i < entries; i++) {
    const at = (i * 100) % (values.length - 100)
    builder.add(keys, 16 * i, 16 * i + 16, i + 1, 1, values, at, at + 100)
  }
  const made = builder.finish()
  file.closeSync()
  return made
}

const file = openFile('r')
const out: PointResult = { kind: 0, valueBytes: values, valueStart: 0, valueEnd: 0 }
for (const pointHash of [true, false]) {
  const cache = new BlockCache(1 << 30)
  const lookup = pointHash ? 'pointHash' : 'filter'
  const table = runSync(openTable({ file, name: '000001.table', databaseId, facts, cache, lookup }))
  const loadedBytes = Object.values(table.loadedBytes).reduce((sum: number, bytes: number) => sum + bytes, 0)
  const perKey = (loadedBytes / entries).toFixed(1)
  const fileBytes = (facts.bytes / entries).toFixed(1)
  console.log(`\n${pointHash ? 'point hash' : 'filter, index'}: ${perKey} B a key, file ${fileBytes} B`)
  let sum = 0
  const scan = (): void => {
    const iterator = table.iterator()
    for (iterator.first(); iterator.valid; iterator.next()) sum += iterator.valueEnd + iterator.keyEnd
    iterator.close()
  }
  report('scan, cold cache', entries, scan)
  for (let round = 0; round < 3; round++) report('scan', entries, scan)
  report('scan backwards', entries, () => {
    const iterator = table.iterator()
    for (iterator.last(); iterator.valid; iterator.prev()) sum += iterator.valueEnd + iterator.keyEnd
    iterator.close()
  })
  for (let round = 0; round < 3; round++) {
    report('get, random', entries, () => {
      for (let n = 0; n < entries; n++) {
        const i = order[n]!
        if (!table.get(keys.subarray(16 * i, 16 * i + 16), 16, Infinity, out, new KeyHash())) throw new Error('lost')
        sum += out.valueEnd
      }
    })
    report('get, absent', entries, () => {
      for (let n = 0; n < entries; n++) {
        const i = order[n]!
        if (table.get(absent.subarray(16 * i, 16 * i + 16), 16, Infinity, out, new KeyHash())) throw new Error('found')
      }
    })
  }
  report('seekGE, random', entries, () => {
    const iterator = table.iterator()
    for (let n = 0; n < entries; n++) {
      const i = order[n]!
      iterator.seekGE(keys, 16 * i, 16 * i + 16)
      sum += iterator.valueEnd
    }
    iterator.close()
  })
  console.log(cache.hitCount, cache.missCount, sum > 0)
  const options = { file, name: '000001.table', databaseId, facts, pointHash }
  const cold = runSync(openTable({ ...options, cache: new BlockCache(0) }))
  report('get, random, no cache', 100_000, () => {
    for (let n = 0; n < 100_000; n++) {
      const i = order[n]!
      if (!cold.get(keys.subarray(16 * i, 16 * i + 16), 16, Infinity, out, new KeyHash())) throw new Error('lost')
    }
  })
  report('scan, no cache', entries, () => {
    const iterator = cold.iterator()
    for (iterator.first(); iterator.valid; iterator.next()) sum += iterator.valueEnd
  })
}
unlinkSync(path)
