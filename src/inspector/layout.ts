/**
 * What: what each page shows, as data that the page makes tiles, charts and tables of. In a text, `{path|form}` is a
 * field of the view's answer: n number, b bytes, m milliseconds, r and R rates, s share, t time of day, f fraction.
 * A tile is `name: value / note`. A column is its head and its field; `#` in front of it: numbers, `~`: long texts.
 * A line of a chart has its colour, what it is of a sample (`sum` of columns, `per` second of a counter), and which.
 */
import { SAMPLE_FIELDS } from './samples.js'
import { STAGES } from './work-views.js'

type Line = readonly [color: string, how: 'sum' | 'per' | 'share', ...columns: string[]]

interface ChartLayout {
  title: string
  form: string
  lines: Readonly<Record<string, Line>>
  stacked?: boolean
  height?: number
  /** A column that is marked as a limit. */
  limit?: string
}

interface TableLayout {
  title: string
  /** The field of the answer that has the rows. */
  rows: string
  /** What stands there without rows. */
  none: string
  columns: readonly string[]
}

export interface PageLayout {
  title: string
  about: string
  /** The view that is asked for; absent for the one with the page's name, and '' for none. */
  view?: string
  /** What the page says where only files are read: that the process knows it which writes. */
  live?: string
  /** What the page says where the inspector itself reads the files: else it would show what the inspector has. */
  writer?: string
  /** It is brought up to date with each event, too. */
  isEager?: boolean
  tiles?: readonly string[]
  charts?: readonly ChartLayout[]
  tables?: readonly TableLayout[]
}

function table(title: string, rows: string, none: string, ...columns: string[]): TableLayout {
  return { title, rows, none, columns }
}

function onlyLive(what: string): string {
  return `${what}: only the process that writes knows. Call inspect(db) there. Here are levels, bytes and time machine.`
}

const LOST: ChartLayout = { title: 'Time lost of each second', form: 's',
  lines: { lost: ['--l0', 'share', 'stallMs'] }, height: 96 }
const LEVELS = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((level): [string, Line] => {
  return [`L${level}`, [`--l${level}`, 'sum', `level${level}`]]
}))

/** The pages, in their order, by the names of their addresses. */
const PAGES: Readonly<Record<string, PageLayout>> = {
  now: {
    title: 'Now', about: 'What the database does, and what limits it.',
    tiles: [
      'Writes: {rates.writes|r} / up to number {stats.database.visibleSeq|n}',
      'Reads: {rates.reads|r} / {rates.found|s} found since the open',
      'Log: {rates.log|R} / {stats.wal.logCount|n} logs, {stats.wal.logBytes|b}',
      'Log sync, p99: {syncTimes.p99Ms|m} / {syncTimes.count|n} syncs',
      'Memory: {stats.memory.totalBytes|b} / of {stats.memory.budgetBytes|b}',
      'Compaction debt: {stats.compaction.debtBytes|b} / {stats.compaction.active|n} running',
      'Lost to stalls: {stats.writeStall.totalMs|m} / {stats.writeStall.stallCount|n} stalls',
      'Tables: {tables.count|n} / {tables.bytes|b}',
    ],
    charts: [
      { title: 'Writes and reads', form: 'r',
        lines: { entries: ['--l5', 'per', 'seq'], gets: ['--l0', 'per', 'gets'] } },
      { title: 'Bytes written', form: 'R',
        lines: { log: ['--l5', 'per', 'walBytes'], compactions: ['--l0', 'per', 'compWritten'] } },
      { title: 'Of each second', form: 's', height: 96, lines: {
        'lost to stalls': ['--l0', 'share', 'stallMs'], 'thread busy': ['--l5', 'share', 'threadMs'],
      } },
      { title: 'Memtables on their way into tables', form: 'n', lines: { sealed: ['--l2', 'sum', 'flushPending'] },
        height: 96 },
    ],
  },
  pipeline: {
    title: 'Pipeline', about: 'Where the time goes between put and table, memtable by memtable.',
      live: onlyLive('The pipeline'), isEager: true,
    tiles: [
      'Wait for a build: {flush.queue|n} / writers stop at {immutablesMax} sealed',
      'Building, installing: {flush.active|n} / worker threads {workers}',
      'Not durable yet: {flush.held|n} / {install}',
      'Flushed: {flush.completed|n} / {flush.failed|n} failed',
      'Full to readable: {median|m} / median of the last {count|n}',
    ],
    tables: [
      table('Stages', 'stages', 'No flush yet.', 'stage {name}', '#median {median|m}', '#worst {worst|m}',
        '~waited for {why}'),
      table('Memtables', 'recent', 'No flush yet.', '#log {log}', '#table {table}', '#queued {took.queued|m}',
        '#built {took.building|m}', '#turn {took.turn|m}', '#installed {took.installing|m}', '#bytes {tableBytes|b}',
          '~waited for {why}'),
    ],
  },
  levels: {
    title: 'Levels', about: 'Every table: where its keys are, and how large it is.', isEager: true,
    tables: [
      table('Levels', 'levels', '', 'level {level}', '#tables {tables|n}', '#bytes {bytes|b}', '#entries {entries|n}',
        '#score {score|f}', '#target {targetBytes|b}'),
    ],
    charts: [{ title: 'Bytes by level', form: 'b', lines: LEVELS, stacked: true }],
  },
  compactions: {
    title: 'Compactions', about: 'What is merged, why, and at what price.', live: onlyLive('Compactions'),
      isEager: true,
    tiles: [
      'Running: {compaction.active|n} / worker threads {workers}',
        'Done: {compaction.completed|n} / style {compaction.style}',
      'Moved unread: {compaction.moved|n} / tables',
        'Failed: {compaction.failed|n} / {compaction.blockedTables.length|n} tables left alone',
      'Read: {compaction.readBytes|b}', 'Written: {compaction.writtenBytes|b} / {amplification|f} times the log',
      'Debt: {compaction.debtBytes|b} / still to be merged',
    ],
    charts: [
      { title: 'Traffic', form: 'R',
        lines: { read: ['--l5', 'per', 'compRead'], written: ['--l0', 'per', 'compWritten'] } },
      { title: 'Debt', form: 'b', lines: { debt: ['--l6', 'sum', 'debt'] } },
    ],
    tables: [
      table('What levels ask for', 'scores', 'Nothing.', 'level {level}', '#score {score|f}',
        '#written into {writtenBytes|b}',
        '#time {runMs|m}', '~state {state}'),
      table('Running', 'compaction.running', 'None.', 'why {reason}', '#from {fromLevel}', '#to {toLevel}',
        '#merged {doneBytes|b}',
        '#of {inputBytes|b}', '#for {ageMs|m}'),
      table('The last', 'recent', 'None yet.', '#id {id}', 'why {reason}', 'levels {levels}', 'kind {kind}',
        '#tables {inputs|n}',
        '#in {inBytes|b}', '#out {outBytes|b}', '#took {took|m}', '~outcome {outcome}'),
    ],
  },
  stalls: {
    title: 'Stalls', about: 'When writers had to wait, for what, and what ended it.', live: onlyLive('Stalls'),
      isEager: true,
    tiles: [
      'Now: {writeStall.state} / {writeStall.reason}', 'Stalls: {writeStall.stallCount|n} / since the open',
      'Time lost: {writeStall.totalMs|m} / stops, and delays while slow',
      'Calls that wait: {writeStall.waitingCount|n}',
    ],
    charts: [LOST],
    tables: [
      table('By reason', 'reasons', 'Nothing has slowed writers since the inspector began.', 'reason {reason}',
        'state {state}',
        '#times {count|n}', '#lasted, all together {lostMs|m}', '#longest {longestMs|m}'),
      table('The last', 'recent', 'None.', 'began {begun|t}', 'state {state}', 'reason {reason}', '~value {value}',
        'limits {limits}',
        '#lasted {lostMs|m}', '~ended by {endedBy}'),
    ],
  },
  memory: {
    title: 'Memory', about: 'Who has how much of the budget.', writer: onlyLive('Memory'),
    tiles: [
      'All: {memory.totalBytes|b} / {used|s} of the budget', 'Budget: {memory.budgetBytes|b}',
      'Block cache: {cache.usedBytes|b} / of {cache.capacityBytes|b}',
        'Cache hits: {hits|s} / {cache.evictionCount|n} blocks gave way',
      'Open tables: {files.openCount|n} / of at most {files.openMaxCount|n}',
        'Open iterators: {iterators.activeCount|n}',
    ],
    charts: [
      {
        title: 'Memory', form: 'b', stacked: true, height: 210, limit: 'memBudget',
        lines: {
          slabs: ['--l5', 'sum', 'memSlabs'], free: ['--free', 'sum', 'memFree'], indexes: ['--l6', 'sum',
            'memIndexes'],
          tables: ['--l3', 'sum', 'memTables'], cache: ['--l0', 'sum', 'memCache'], other: ['--l2', 'sum', 'memOther'],
        },
      },
      {
        title: 'Block cache', form: 'r', height: 210,
        lines: { hits: ['--l5', 'per', 'cacheHits'], misses: ['--l0', 'per', 'cacheMisses'] },
      },
    ],
    tables: [table('Parts', 'parts', '', 'part {name}', '#bytes {bytes|b}', '#of the budget {share|s}')],
  },
  holders: {
    title: 'Holders', about: 'What keeps old versions and files alive.', writer: onlyLive('What holds files'),
    tiles: [
      'Snapshots: {snapshots.length|n}', 'Iterators: {iterators.activeCount|n}', 'Pins: {pins.length|n}',
      'Long calls: {operations.length|n}', 'Old versions: {oldVersions|n} / in tables, as far as known',
      'Files to go: {deletesWaiting|n} / {tablesHeld|n} tables are still read',
    ],
    tables: [
      table('Snapshots and walks', 'snapshots', 'None is open, so nothing keeps old versions.',
        '#sees up to {seqNum|n}',
        '#writes since {writesSince|n}', '#holders {holderCount|n}', '#for {ageMs|m}'),
      table('Pins', 'pins', 'None.', '~name {name}', '#from log {firstLog}', '#logs {logs|n}', '#bytes {bytes|b}'),
      table('Long calls', 'operations', 'None is under way.', 'call {kind}', '#done {doneBytes|b}',
        '#of {totalBytes|b}', 'since {startedMs|t}'),
      table('Files held by calls', 'holds', 'None.', '~call {owner}', '#files {fileCount|n}', 'since {startedMs|t}'),
      table('Value logs that no table needs', 'valueLogs', 'None.', '#file {fileNum}', 'held by {heldBy}',
        '#bytes {fileBytes|b}'),
    ],
  },
  logs: {
    title: 'Logs and values', about: 'What a reopen would read, and where large values are.',
    tiles: [
      'Logs: {logs.length|n} / replay from {logPointer}', 'Durable up to: {wal.durableSeq|n}',
        'Not synced: {wal.unsyncedBytes|b}',
      'Value logs: {values.fileCount|n} / {values.fileBytes|b}', 'Live values: {values.liveBytes|b}',
        'Garbage: {values.garbageBytes|b}',
    ],
    tables: [
      table('Logs', 'logs', 'None.', '#log {num}', '#bytes {bytes|b}', '~why it is there {use}', '~pins {pins}'),
      table('Value logs, most garbage first', 'files', 'No large values: all stand in tables.', '#file {fileNum}',
        'kind {kind}',
        '#bytes {fileBytes|b}', '#live {liveBytes|b}', '#garbage {garbageBytes|b}', '#share {share|s}',
          'held by {heldBy}'),
    ],
  },
  heat: { title: 'Heat', about: 'Where in the order of keys writes and reads fall.',
    live: onlyLive('Where writes and reads fall') },
  events: { title: 'Events', about: 'The last 2,000 things that happened.', live: onlyLive('What happens'),
    isEager: true, view: '' },
  bytes: { title: 'Bytes', about: 'Any file, byte by byte, with the meaning of each.', view: 'files' },
  time: { title: 'Time machine',
    about: 'The levels as they were after each group of the manifest, since the last open.', view: '' },
  actions: { title: 'Actions', about: 'What may be done to the database from here, each after a question.',
    live: onlyLive('There is nothing to do'), isEager: true, view: '' },
}

const BY_LANE = 'Up and down choose a lane.'
const PAST_PAINTS = ['level', 'age', 'deletes']
const OF_TABLES = {
  hint: 'Arrow keys walk from table to table.',
  nothing: 'No tables yet. The first comes when a memtable is full, or with flush().',
  paints: [...PAST_PAINTS, 'reads'],
  tip: 'table {file} · level {level} · {bytes|b} · {entries|n} entries, {tombstones|n} tombstones',
}

/** The layout, with the page of actions only where they are allowed. */
export function layoutFor(isAdmin: boolean): object {
  const { groups, pages } = LAYOUT
  const drawn = Object.entries(pages).map(([name, page]) => [name, { ...page, charts: page.charts?.map(byColumn) }])
  return {
    ...LAYOUT, pages: Object.fromEntries(drawn) as object,
    groups: isAdmin ? { ...groups, Look: [...groups.Look, 'actions'] } : groups,
  }
}

/** Names the columns of a chart by their places in a sample. */
function byColumn({ lines, limit, ...chart }: ChartLayout): object {
  return {
    ...chart, limit: limit === undefined ? 0 : SAMPLE_FIELDS.indexOf(limit),
    lines: Object.entries(lines).map(([name, [color, how, ...columns]]) => {
      return { name, color, how, columns: columns.map((column) => SAMPLE_FIELDS.indexOf(column)) }
    }),
  }
}

/** What the page needs to know besides: the stages of a memtable, and the facts of a memtable and of a table. */
export const LAYOUT = {
  pages: PAGES,
  groups: {
    'Right now': ['now', 'pipeline', 'stalls', 'compactions'], 'What there is': ['levels', 'logs', 'memory', 'holders',
      'heat'],
    Look: ['events', 'bytes', 'time'],
  },
  spans: [['1 min', 60_000], ['5 min', 300_000], ['15 min', 900_000], ['1 h', 3_600_000]],
  /** What pictures are called, how keys walk in them, and what stands there when nothing is drawn. */
  pictures: {
    memtables: { title: 'Memtables, the newest on top', hint: BY_LANE, nothing: 'No memtable yet.',
      legend: STAGES.map(([name, color, , , waits]) => [name, color, waits] as const) },
    compactions: { title: 'Compactions, side by side', hint: BY_LANE, nothing: 'None since the inspector began.',
      legend: [1, 2, 3, 4, 5, 6].map((level) => [`to L${level}`, `--l${level}`, false] as const) },
    levels: { title: 'Tables by key', ...OF_TABLES },
    then: { title: 'The tables then; what the other group has not is framed', ...OF_TABLES, paints: PAST_PAINTS },
    beside: { title: 'The other group', ...OF_TABLES, paints: PAST_PAINTS },
  },
  hint: 'Choose one, by pointer or with the arrow keys.',
  columns: {
    events: ['time {t|t}', 'event {type}', '~what {text}'], files: ['file {num}', 'kind {kind}', '#bytes {bytes|b}'],
    parts: ['# {index}', '#offset {offset|n}', '#bytes {bytes|n}', 'part {title}', '~summary {summary}',
      '~problems {problems}'],
    fields: ['#offset {offset|n}', '#bytes {bytes|n}', "'bytes as they are {hex}", '~field {name}',
      '~meaning {meaning}'],
    groups: ['#group {group|n}', 'time {timeMs|t}', 'job {job}', '#added {added}', '#removed {removed}',
      '#offset {offset|n}'],
  },
  lane: [
    'log: {log}', 'table: {table}', 'size: {tableBytes|b}, {entries|n} entries', 'filling: {took.filling|m}',
      'queued: {took.queued|m}',
    'waited for: {waitBuild}', 'building: {took.building|m}', 'built: {took.turn|m}', 'waited for: {waitInstall}',
    'installing: {took.installing|m}', 'log held: {took.held|m}', 'failures: {failures}',
  ],
  table: [
    'file: {file}', 'level: {level}', 'bytes: {bytes|b}', 'raw: {rawBytes|b}', 'entries: {entryCount|n}',
      'tombstones: {tombstoneCount|n}',
    'block reads: {hits|n} in the cache, {misses|n} from the file', 'hidden: {hiddenCount|n}',
      'range tombstones: {rangeTombstones|n}', 'expiring: {expiring|n}', 'first key: {firstKey}',
    'last key: {lastKey}', 'numbers: {smallestSeqNum|n} to {largestSeqNum|n}', 'made of: {origin}',
      'values in: {valuesIn}',
  ],
} as const

/** What stands in the place of pages of which nothing is known here, by page. */
export function unknownPages(isLive: boolean, isOwn: boolean): Record<string, string> {
  const texts = Object.entries(PAGES).map(([id, { live, writer }]) =>
    [id, (isLive ? undefined : live) ?? (isOwn ? writer : undefined)] as const)
  return Object.fromEntries(texts.flatMap(([id, text]) => (text === undefined ? [] : [[id, text]])))
}
