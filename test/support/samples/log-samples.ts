/** Logs with every kind of frame and every field of entries. */
import {
  EncodingFlag, EntryKind, ExtensionType, FrameFlag, FrameType, NO_FEATURES, VersionFlag,
} from '../../../src/base/index.js'
import type { FileHeader } from '../../../src/base/index.js'
import { LogCraft } from './log-crafting.js'
import { databaseId, sampleLineage } from './manifest-samples.js'

const header: FileHeader = {
  magic: 'varvelog', features: NO_FEATURES, databaseId, fileNum: 12, salt: new Uint8Array(8).fill(0x5a),
  generation: 3, lineage: sampleLineage,
}

const predecessor = { fileNum: 11, salt: new Uint8Array(8).fill(0x4b), lastSeqNum: 0, end: 4096 }

/** Header, the predecessor frame, batches and sixteen zeros: all that a reader takes. */
export function sampleLog(): Uint8Array {
  const log = LogCraft.begin(header, predecessor)
  log.frame({ firstSeqNum: 1, entries: [{ key: 'apple', value: 'green' }] })
  log.frame({
    firstSeqNum: 2, markDistance: 1, markBytes: 4096,
    entries: [{ key: 'pear', value: '\u0001\u0002' }, { kind: EntryKind.tombstone, key: 'apple' }],
  })
  log.frame({
    firstSeqNum: 4, markBytes: 256, extensions: [{ type: ExtensionType.position, content: 'index 77' }],
    entries: [{ key: '', value: '' }],
  })
  log.frame({
    firstSeqNum: 5, flags: FrameFlag.valuesApart,
    entries: [
      { encoding: EncodingFlag.checksum, key: 'plum', value: 'as large as you like' },
      { kind: EntryKind.tombstone, key: 'pear' },
      { kind: EntryKind.value | VersionFlag.expiry, key: 'fig', value: 'ripe', expiry: 1_900_000_000_000 },
      { kind: EntryKind.rangeTombstone, key: 'a', value: 'c' },
    ],
  })
  return log.finish(16)
}

/** Fields and a frame that are reserved. */
export function reservedLog(): Uint8Array {
  const log = LogCraft.begin(header, predecessor)
  log.frame({
    firstSeqNum: 1, extensions: [{ type: ExtensionType.replication, content: 'epoch   index   ' }],
    entries: [{
      kind: EntryKind.value | VersionFlag.expiry, encoding: EncodingFlag.keyspace,
      key: 'fig', value: 'ripe', keyspaceId: 5, expiry: 1_700_000_000_000,
    }],
  })
  log.frame({ type: FrameType.ingestNote, firstSeqNum: 2, entries: [] })
  return log.finish(16)
}
