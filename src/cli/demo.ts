/**
 * What: `npm start`: loads real files, dies in the middle, comes back, proves that nothing acknowledged is lost,
 * finishes, and shows what there is to see. The exit code is 0 only when all of it is true.
 */
import path from 'node:path'
import { errnoOf, systemClock } from '../base/index.js'
import { Varve } from '../api/index.js'
import { checkAll, proveAcknowledged } from './demo/check.js'
import { DEMO_OPTIONS, removeOldDatabase } from './demo/database.js'
import { readInput, recordAt, recordCount } from './demo/input.js'
import type { Input } from './demo/input.js'
import { loadUntilKilled } from './demo/kill.js'
import { load, loadProgress } from './demo/load.js'
import type { LoadProgress } from './demo/load.js'
import { countText, msText, sizeText } from './demo/numbers.js'
import { ProgressLine } from './demo/progress-line.js'
import { flushTable, levelTable, lookups, prefixScan } from './demo/report.js'
import { errorText } from './error-text.js'

/** The rest of the load may take this long; after that only the copy that was begun is finished. */
const REST_MS_MAX = 15_000

const line = new ProgressLine(process.stdout)

function print(...lines: string[]): void {
  line.end()
  process.stdout.write(lines.map((text) => `${text}\n`).join(''))
}

/** Shows how far a load is. */
function progressShower(total: number): (progress: LoadProgress) => void {
  const startMs = systemClock.nowMs()
  return ({ records, bytes, flushQueue, levels }) => {
    const rate = bytes / 1e6 / Math.max(0.001, (systemClock.nowMs() - startMs) / 1000)
    line.show(
      `load        ${countText(records)} of ${countText(total)} records  ${sizeText(bytes)}  ${rate.toFixed(0)} MB/s` +
        `  flush queue ${flushQueue}  tables ${levels}`,
    )
  }
}

async function main(source: string, dir: string): Promise<void> {
  const startMs = systemClock.nowMs()
  const shownDir = path.relative(process.cwd(), dir) || dir
  await removeOldDatabase(dir)
  const input = await readInput(source)
  printInput(input, shownDir)

  const { pid, acknowledged, durationMs } = await loadUntilKilled(input, dir, progressShower(recordCount(input)))
  print(
    `killed      process ${pid} with SIGKILL, when it had told of ${countText(acknowledged.size)} acknowledged` +
      ' records',
  )

  const db = await Varve.open(dir, { ...DEMO_OPTIONS, createIfMissing: false })
  printRecovery(db)
  const presentCount = await proveAcknowledged(db, input, acknowledged)
  print(
    `proved      all ${countText(acknowledged.size)} acknowledged records are there, byte for byte`,
    `            and ${countText(presentCount - acknowledged.size)} that were under way; no hole`,
  )

  const target = targetCount(input, presentCount, durationMs)
  await finish(db, input, presentCount, target)
  await checkAll(db, input, target)
  print(`checked     all ${countText(target)} records, byte for byte, in one scan`, '')

  await db.flush()
  await printFindings(db, input)
  await db.close()
  print('', `done in ${msText(systemClock.nowMs() - startMs)}. The database stays. Look at it with`)
  print(`  npx varve stats ${shownDir}`)
}

function printInput(input: Input, shownDir: string): void {
  const { files, bytes, copies, symlinkCount, others, root } = input
  print(
    `from        ${path.relative(process.cwd(), root) || root}: ${countText(files.length)} files, ${sizeText(bytes)}` +
      ` (${symlinkCount} symbolic links skipped)`,
    `into        ${shownDir}: ${countText(recordCount(input))} records, ${sizeText(bytes * copies)}` +
      (copies > 1 ? `, each file under ${copies} prefixes` : ''),
  )
  for (const other of others) print(`skipped     ${other}: not a file`)
}

function printRecovery(db: Varve): void {
  const { recovery, levels } = db.stats()
  const { durationMs, replayedEntryCount, replayedBytes, tempFileCount, orphanTableCount, cut } = recovery!
  print(
    `reopened    in ${msText(durationMs)}: ${countText(replayedEntryCount)} entries replayed from ` +
      `${sizeText(replayedBytes)} of log; removed ${tempFileCount} unfinished and ${orphanTableCount} unlisted tables`,
  )
  const tableCount = levels.reduce((sum, level) => sum + level.tableCount, 0)
  print(`            all of it is in ${tableCount} tables now`)
  if (cut === null) return
  print(`            the log ends in ${cut.file} at ${cut.offset}: a write that was not acknowledged`)
}

/** How many records there will be at the end: all of them, or on a slow machine only whole copies. */
function targetCount(input: Input, presentCount: number, durationMs: number): number {
  const all = recordCount(input)
  const restMs = ((all - presentCount) / Math.max(1, presentCount)) * durationMs
  if (restMs <= REST_MS_MAX) return all
  const wholeCopies = Math.max(1, Math.ceil(presentCount / input.files.length)) * input.files.length
  print(`            this machine is slow: stopping at ${countText(wholeCopies)} records`)
  return wholeCopies
}

async function finish(db: Varve, input: Input, from: number, to: number): Promise<void> {
  const show = progressShower(to)
  const startMs = systemClock.nowMs()
  let [records, bytes, shownMs] = [0, 0, startMs]
  await load(db, input, {
    from, to,
    onAcknowledged(index) {
      records++
      bytes += recordAt(input, index).file.bytes
      const nowMs = systemClock.nowMs()
      if (nowMs - shownMs < 100) return
      shownMs = nowMs
      show(loadProgress(db, from + records, bytes))
    },
  })
  const time = msText(systemClock.nowMs() - startMs)
  print(`loaded      the other ${countText(records)} records, ${sizeText(bytes)} in ${time}`)
}

async function printFindings(db: Varve, input: Input): Promise<void> {
  const stats = db.stats()
  print('since the reopening:', ...flushTable(stats), '', ...levelTable(stats), '')
  const { files } = input
  const largest = files.reduce((a, b) => (b.bytes > a.bytes ? b : a))
  const keys = [`copy1/${files[0]!.path}`, `copy1/${largest.path}`, 'copy1/no/such/file']
  print(...await lookups(db, keys))
  print(...await prefixScan(db, `copy1/${files[Math.floor(files.length / 2)]!.path.replace(/[^/]*$/, '')}`))
}

const [source = 'node_modules', dir = '.demo/db'] = process.argv.slice(2)
try {
  await main(path.resolve(source), path.resolve(dir))
} catch (error) {
  line.end()
  // An error without a code is our own finding.
  const text = errnoOf(error) === '' ? `${(error as Error).message}\n` : errorText(error)
  process.stderr.write(`The demo failed.\n${text}`)
  process.exitCode = 1
}
