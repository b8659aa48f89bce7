/** A compactor whose runs, installs and timers happen when a test says so. */
import { newFileHeader, SeededRandom, VarveError } from '../../../src/base/index.js'
import type { ErrorCode, FileNum, SeqNum, TableFacts } from '../../../src/base/index.js'
import { Compactor } from '../../../src/compaction/index.js'
import type { CompactionTask, CompactorHost, CompactorPickers } from '../../../src/compaction/index.js'
import { applyEdit } from '../../../src/manifest/index.js'
import type { Version, VersionEdit } from '../../../src/manifest/index.js'
import { createPicker, inputTables } from '../../../src/pick/index.js'
import type { CompactionRunInput, CompactionRunOutput } from '../../../src/run/index.js'
import type { PublishTablesInput } from '../../../src/tables/index.js'
import { Installer } from '../../../src/versions/index.js'
import { HandClock } from '../fakes/hand-clock.js'
import { HandExecutor } from '../fakes/hand-executor.js'
import { sampleTable } from '../samples/manifest-samples.js'
import { smallSettings } from './pick-scene.js'

const textOf = (key: Uint8Array) => new TextDecoder().decode(key)
const numsOf = (tables: readonly TableFacts[]) => tables.map(({ fileNum }) => fileNum).join(' ')

export function leveledPickers(): CompactorPickers {
  const picker = createPicker(smallSettings)
  return { busy: picker, paused: picker, quiet: picker }
}

export class CompactorScene implements CompactorHost {
  readonly databaseId = new Uint8Array(16)
  readonly executor: HandExecutor
  readonly clock = new HandClock()
  readonly isStrict: boolean
  readonly compactor: Compactor
  /** The events that the compactor reported, in order. */
  readonly told: string[] = []
  readonly edits: { edit: VersionEdit; done: (error: unknown) => void }[] = []
  readonly held: (() => void)[] = []
  current: Version
  seqNum = 1000
  snapshots: SeqNum[] = []
  /** True when writers wait for a compaction. */
  isStopped = false
  /** What a run that moves values may write. */
  room = Infinity
  readonly opened: FileNum[] = []
  openError: VarveError | null = null
  private nextNum = 100

  constructor(version: Version, { pickers = leveledPickers(), isStrict = true, workerCount = 1 } = {}) {
    this.current = version
    this.isStrict = isStrict
    this.executor = new HandExecutor({}, {}, workerCount)
    const installer = new Installer({
      dir: '/db', executor: this.executor, isStrict,
      versions: {
        allocateFileNum: () => this.allocateFileNum(),
        append: (edit, done) => void this.edits.push({ edit, done }),
        holdBack: (edit) => this.holdBack(edit),
      },
      tables: {
        loadSync: ({ fileNum }) => {
          if (this.openError !== null) throw this.openError
          this.opened.push(fileNum)
        },
        retire: () => undefined,
      },
      logPins: { *syncKept() {} },
      heldEdits: { add: ({ onDurable }) => void this.held.push(onDurable) },
      deleter: {
        add: (names) => void this.told.push(`abandoned ${names.length} names`), syncingDirectory: () => () => undefined,
      },
      unlistedTables: () => [],
      uniqueSuffix: () => '1.2',
      wallMs: () => 0,
      newHeader: (fileNum, magic) =>
        newFileHeader(magic, {
          databaseId: this.databaseId, generation: 1, lineage: 1, random: new SeededRandom(1),
        }, fileNum),
      onDurable: () => undefined,
      onFailure: () => {
        this.told.push('directory failed')
        this.compactor.suspend()
      },
    })
    installer.retire = (tables) => void this.told.push(`replaced ${numsOf(tables)}`)
    const scene = this
    this.compactor = new Compactor({
      installer, pickers, host: this, clock: this.clock, runFilesMax: 255,
      databaseId: this.databaseId, tableSettings: { blockBytes: 4096 }, valueFileBytes: 1000,
      versions: { get current() { return scene.current } },
      snapshots: {
        takeRule() { return { snapshots: scene.snapshots, visibleSeqNum: scene.seqNum } },
        get oldest() { return scene.snapshots[0] ?? null },
        get visibleSeqNum() { return scene.seqNum },
      },
    })
  }

  allocateFileNum = () => this.nextNum++
  holdBack = (edit: VersionEdit) => {
    this.current = applyEdit(this.current, edit)
  }
  areWritersStopped = () => this.isStopped
  roomForValues = async () => this.room
  onInstalled = ({ id }: CompactionTask) => void this.told.push(`installed ${id}`)
  pauseCount = 0
  onPause = () => void this.pauseCount++
  onQuiet = () => void this.told.push('quiet')
  onLooked = () => void this.told.push('looked')
  onBegin = ({ id, pick }: CompactionTask) => void this.told.push(`begins ${id}: ${numsOf(inputTables(pick))}`)
  onFailed = ({ id }: CompactionTask, error: unknown, willRetry: boolean) =>
    void this.told.push(`failed ${id}: ${(error as VarveError).code}${willRetry ? ', again later' : ''}`)
  write(): void {
    this.seqNum++
    this.compactor.noteWrite()
  }

  /** Takes the events since the last call. */
  get news(): string[] {
    return this.told.splice(0)
  }

  /** Gives the jobs under way: `run 4 3 2 1`, `publish 100`. */
  get doing(): string[] {
    return this.executor.jobs.map(({ job }) => job.kind === 'compactionRun'
      ? `run ${numsOf((job.input as CompactionRunInput).inputs.flat())}`
      : `publish ${(job.input as PublishTablesInput).files.map(({ finalName }) => parseInt(finalName)).join(' ')}`)
  }

  private take(kind: string) {
    return this.executor.take((job) => job.kind === kind)
  }

  /** The input of the oldest run under way. */
  get runInput(): CompactionRunInput {
    return this.executor.jobs.find(({ job }) => job.kind === 'compactionRun')!.job.input as CompactionRunInput
  }

  /** Ends the oldest run with one table that has the keys of its inputs; `lie` changes what the run says of it. */
  ran(lie: Partial<CompactionRunOutput> & { table?: Partial<TableFacts> } = {}): void {
    const { job, deliver } = this.take('compactionRun')
    const { inputs, headers } = job.input as CompactionRunInput
    const all = inputs.flat()
    const keys = all.flatMap(({ smallestKey, largestKey }) => [textOf(smallestKey), textOf(largestKey)]).sort()
    const { table, ...rest } = lie
    const facts = sampleTable(headers[0]!.fileNum, `${keys[0]}-${keys.at(-1)}`, {
      smallestSeqNum: Math.min(...all.map((it) => it.smallestSeqNum)),
      largestSeqNum: Math.max(...all.map((it) => it.largestSeqNum)),
      tombstoneCount: 0, bytes: 100 * all.length, ...table,
    })
    const dropped = all.reduce((sum, { entryCount }) => sum + entryCount, 0) - facts.entryCount
    const output: CompactionRunOutput = {
      outputs: [facts], readBytes: 100 * all.length, writtenBytes: facts.bytes, keptCount: facts.entryCount,
      droppedVersionCount: dropped, droppedTombstoneCount: 0, addedTombstoneCount: 0, expiredCount: 0,
      valueLogs: [], movedBytes: 0,
      ...rest,
    }
    deliver({ ok: true, output: output as never })
  }

  fails(code: ErrorCode = 'IO_ERROR', file = 'some file', kind = 'compactionRun'): void {
    this.take(kind).deliver({ ok: false, error: new VarveError(code, 'told to fail', { file }) })
  }

  published(stayed: string[] = []): void {
    this.take('publishTables').deliver({ ok: true, output: stayed as never })
  }

  /** Lets what was under way on the main thread go on. */
  passed(): void {
    this.take('pass').deliver({ ok: true, output: null as never })
  }

  /** Makes the oldest edit durable and current. */
  durable(): void {
    const { edit, done } = this.edits.shift()!
    this.current = applyEdit(this.current, edit)
    done(null)
  }

  /** Lets a run succeed from here to its end. */
  finishRun(): void {
    this.ran()
    if (!this.isStrict) return
    this.published()
    this.durable()
  }
}
