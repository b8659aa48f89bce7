/** Tables, versions and edits that use every field of the manifest's format. */
import { MemoryVfs } from '../../../src/testing.js'
import { SeededRandom, runSync } from '../../../src/base/index.js'
import type { ExpiryFacts, LogFacts, TableFacts } from '../../../src/base/index.js'
import { applyEdit, applyEdits, CauseCode, createManifest, emptyVersion } from '../../../src/manifest/index.js'
import type {
  ManifestLog, ManifestOptions, NewValueLog, Version, VersionEdit,
} from '../../../src/manifest/index.js'

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Makes a table with keys [smallest, largest] and sequence numbers [10 × fileNum, 10 × fileNum + 9]. */
export function sampleTable(
  fileNum: number, keys = 'a-z', more: Partial<TableFacts> = {},
): TableFacts {
  const [smallest, largest] = keys.split('-')
  return {
    fileNum, bytes: 4096 + fileNum, entryCount: 10, tombstoneCount: 2, hiddenCount: 0, rawBytes: 3000,
    smallestKey: bytesOf(smallest!), largestKey: bytesOf(largest!),
    smallestSeqNum: fileNum * 10, largestSeqNum: fileNum * 10 + 9,
    firstLog: 0, lastLog: 0, salt: new Uint8Array(8).fill(fileNum),
    keyspaceId: 0, expiry: null, valueFiles: [], spans: null, ...more,
  }
}

export const databaseId = new Uint8Array(16).map((_, i) => 0xa0 + i)

/** The sample manifests and logs are of this lineage. */
export const sampleLineage = 2 ** 52 + 7

export function sampleOptions(fileNum = 7): ManifestOptions {
  return { fileNum, databaseId, generation: 3, random: new SeededRandom(11, 'manifest') }
}

/** Makes the facts of a log that must exist, with at least this many bytes. */
export function sampleLogFacts(fileNum: number, bytes: number, more: Partial<LogFacts> = {}): LogFacts {
  return { fileNum, salt: new Uint8Array(8).fill(fileNum), bytes, isExact: false, mustExist: true, ...more }
}

export function sampleValueLog(fileNum: number, bytes: number, more: Partial<NewValueLog> = {}): NewValueLog {
  const salt = new Uint8Array(8).fill(fileNum)
  return { fileNum, bytes, isLog: false, salt, putCount: 4, putBytes: bytes - 200, namedInLog: 0, ...more }
}

/** The version that a database begins with. */
export const sampleBase: Version = applyEdit(emptyVersion, {
  lineage: { own: sampleLineage, parent: 2 ** 33, partedSeqNum: 5 },
  nextFileNum: 10, logPointer: 8, settings: '{"compaction":"leveled"}', logs: [sampleLogFacts(8, 128)],
})

const sampleExpiry: ExpiryFacts = {
  count: 9, earliestMs: 1_900_000_000_000, latestMs: 1_900_000_080_000,
  octilesMs: Array.from({ length: 8 }, (_, i) => 1_900_000_010_000 + 10_000 * i),
}

/** A flush, a flush with all that a group can carry, a compaction with a move, and logs in every state. */
export const sampleGroups: VersionEdit[][] = [
  [{
    logPointer: 12, lastSeqNum: 119, nextFileNum: 14, cause: { code: CauseCode.flush, wallMs: 1_899_999_900_000 },
    addTables: [{ level: 0, facts: sampleTable(11, 'b-m', { firstLog: 8, lastLog: 9 }) }],
    flushStats: '{"count":1}',
    hashSeed: { low: 0x01020304, high: -2 },
  }],
  [
    { addPins: [{ name: 'follower', firstLog: 12 }] },
    {
      logPointer: 15, position: bytesOf('epoch 3, index 77'),
      addValueLogs: [
        sampleValueLog(12, 90_000, { isLog: true }),
        sampleValueLog(16, 50_000, { namedInLog: 15 }),
      ],
      addTables: [{
        level: 0,
        facts: sampleTable(14, 'a-zz', {
          firstLog: 12, lastLog: 12,
          valueFiles: [
            { fileNum: 12, valueCount: 3, valueBytes: 70_000 },
            { fileNum: 16, valueCount: 1, valueBytes: 9_000 },
          ],
        }),
      }],
    },
  ],
  [{
    deleteTables: [{ level: 0, fileNum: 11 }, { level: 0, fileNum: 14 }],
    addTables: [
      { level: 1, facts: sampleTable(11, 'b-m', { firstLog: 8, lastLog: 9 }) },
      {
        level: 1,
        facts: sampleTable(18, 'n-zz', {
          smallestSeqNum: 5, largestSeqNum: 149, expiry: sampleExpiry,
          valueFiles: [{ fileNum: 12, valueCount: 1, valueBytes: 20_000 }],
        }),
      },
    ],
    dropTime: { ms: 1_899_999_990_000, seqNum: 149 },
    discards: [
      { fileNum: 12, valueCount: 2, valueBytes: 50_000 },
      { fileNum: 16, valueCount: 1, valueBytes: 9_000 },
    ],
    removeValueLogs: [16],
  }],
  [{
    logs: [
      sampleLogFacts(15, 4_224, { isExact: true }), sampleLogFacts(17, 128),
      { fileNum: 19, salt: new Uint8Array(8), bytes: 0, isExact: true, mustExist: false },
    ],
    nextFileNum: 21,
  }],
  [{
    closedAtMs: 1_899_999_995_000, removePins: ['follower'], addPins: [{ name: 'backup', firstLog: 15 }],
    settings: '{"compaction":"tiered"}',
  }],
]

/** Gives the version after each group; the first is the base. */
export function sampleVersions(): Version[] {
  const versions = [sampleBase]
  for (const group of sampleGroups) versions.push(applyEdits(versions.at(-1)!, group))
  return versions
}

export interface WrittenManifest {
  vfs: MemoryVfs
  log: ManifestLog
  /** The end of the first group, and of each group behind it. */
  ends: number[]
}

/** Writes the sample groups into `/db/000007.manifest`, which is not closed, and has no zeros behind them. */
export function writeSampleManifest(): WrittenManifest {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  const log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  const file = vfs.openSync('/db/000007.manifest', 'write')
  file.truncateSync(log.bytes)
  file.closeSync()
  const ends = [log.bytes]
  for (const group of sampleGroups) {
    runSync(log.append(group))
    ends.push(log.bytes)
  }
  return { vfs, log, ends }
}

export function readAll(vfs: MemoryVfs, path: string): Uint8Array {
  const file = vfs.openSync(path, 'read')
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  file.closeSync()
  return bytes
}
