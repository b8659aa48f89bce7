import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../base/index.js'
import type { VfsFile } from '../vfs/index.js'
import { FileSyncer } from './file-syncer.js'
import type { SyncedFile } from './file-syncer.js'

/** A file whose syncs end when the test says so. */
class HandSynced implements SyncedFile {
  readonly name: string
  writtenEnd = 0
  syncedEnd = 0
  failure: unknown = null
  readonly syncs: { resolve: () => void; reject: (error: unknown) => void }[] = []
  readonly file = {
    dataSync: () => new Promise<void>((resolve, reject) => this.syncs.push({ resolve, reject })),
  } as unknown as VfsFile

  constructor(name: string) {
    this.name = name
  }

  fail(error: unknown): void {
    this.failure ??= error
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

describe('syncs of files', () => {
  it('cover what was written before they began, and one is in flight a file (BC-9)', async () => {
    const syncer = new FileSyncer(systemClock, () => undefined)
    const file = new HandSynced('a')
    const done: number[] = []
    file.writtenEnd = 10
    void syncer.waitFor(file, 10).then(() => done.push(10))
    file.writtenEnd = 20
    void syncer.waitFor(file, 20).then(() => done.push(20))
    void syncer.waitFor(file, 30).then(() => done.push(30))
    assert.equal(file.syncs.length, 1)
    file.syncs[0]!.resolve()
    await turn()
    assert.deepEqual([done, file.syncedEnd, file.syncs.length], [[10], 10, 2])
    file.syncs[1]!.resolve()
    await turn()
    assert.deepEqual([done, file.syncs.length], [[10, 20], 2], 'nobody waits for bytes that are written')
    file.writtenEnd = 30
    syncer.noteWritten(file)
    file.syncs[2]!.resolve()
    await turn()
    assert.deepEqual(done, [10, 20, 30])
    await syncer.waitFor(file, 30)
    assert.equal(file.syncs.length, 3)
  })

  it('that fail are not repeated, and stop no other file (BC-10, BC-7)', async () => {
    const syncer = new FileSyncer(systemClock, () => undefined)
    const [bad, good] = [new HandSynced('bad'), new HandSynced('good')]
    bad.writtenEnd = good.writtenEnd = 10
    const outcomes: string[] = []
    void syncer.waitFor(bad, 10).catch(({ message }: Error) => outcomes.push(message))
    void syncer.waitFor(bad, 20).catch(({ message }: Error) => outcomes.push(message))
    void syncer.waitFor(good, 10).then(() => outcomes.push('good'))
    bad.syncs[0]!.reject(new Error('EIO'))
    good.syncs[0]!.resolve()
    await turn()
    const what = 'bad could not be written'
    assert.deepEqual(outcomes.sort(), [what, what, 'good'])
    bad.writtenEnd = 20
    syncer.noteWritten(bad)
    await assert.rejects(syncer.waitFor(bad, 20))
    assert.equal(bad.syncs.length, 1)
  })

  it('end with the write that fails, for those who wait for its bytes', async () => {
    const syncer = new FileSyncer(systemClock, () => undefined)
    const file = new HandSynced('a')
    const waiting = syncer.waitFor(file, 10)
    file.fail(new Error('ENOSPC'))
    syncer.noteWritten(file)
    await assert.rejects(waiting, /could not be written/)
  })
})
