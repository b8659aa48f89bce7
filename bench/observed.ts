/**
 * What: `npm run bench:observed -- [--rounds N] [--entries N] [--times N] [--commit REV]`: what it costs a put and a
 * get that the database can be looked at, and what a typed view costs beside the same encoding by hand.
 * In each round every way runs once, in a process of its own, in turn; a ratio is that of one round, so that what the
 * machine does meanwhile meets both. Processor time counts, of all threads.
 *   nobody       as it is, and nobody listens; beside `untraced`, where no method asks: goal ≥ 0.99
 *   subscriber   somebody listens to every channel, and does nothing
 *   page         the inspector has a page open, which gets its stream: goal ≥ 0.98 of `nobody`
 *   commit       as `nobody`, of the commit REV, which is built beside
 * Goals of views: JSON ≥ 0.9, bytes ≥ 1, within the spread.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { ObservedFigures, Variant } from './observed-child.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' }, entries: { type: 'string', default: '20000' },
    times: { type: 'string', default: '7' }, commit: { type: 'string' },
  },
})
const here = path.dirname(fileURLToPath(import.meta.url))
const home = path.join(here, '../..')
const child = path.join(here, 'observed-child.js')

/** Builds another commit in a directory of its own, and gives where. */
function built(commit: string, dir: string): string {
  execFileSync('git', ['-C', home, 'worktree', 'add', '--detach', '--force', dir, commit], { stdio: 'ignore' })
  symlinkSync(path.join(home, 'node_modules'), path.join(dir, 'node_modules'))
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: dir, stdio: 'inherit' })
  return path.join(dir, 'dist')
}

/** Opens the page's stream, as the page does; gives what ends it. */
async function openPage(url: string): Promise<() => void> {
  const { port, hash } = new URL(url)
  const origin = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }
  const ask = (method: string, at: string, headers: Record<string, string>, body = '') =>
    new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      const asking = request({ host: '127.0.0.1', port, method, path: at, headers, agent: false }, resolve)
      asking.on('error', reject)
      asking.end(body)
    })
  const json = { ...origin, 'content-type': 'application/json' }
  const answer = await ask('POST', '/session', json, JSON.stringify({ token: hash.slice(1) }))
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  const { bearer } = JSON.parse(text) as { bearer: string }
  const stream = await ask('GET', '/events', { ...origin, authorization: `Bearer ${bearer}` })
  if (stream.statusCode !== 200) throw new Error(`the inspector answers ${stream.statusCode}`)
  stream.on('error', () => undefined).resume()
  return () => stream.destroy()
}

async function measure(variant: Variant, dist: string): Promise<ObservedFigures> {
  const running = spawn(process.execPath, [child, variant, values.entries, values.times, dist], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: running.stdout })
  let end = (): void => undefined
  let last = ''
  for await (const line of lines) {
    if (line.startsWith('ready ')) {
      const url = line.slice('ready '.length)
      if (url !== '') end = await openPage(url)
      running.stdin.write('go\n')
    }
    last = line
  }
  end()
  return JSON.parse(last) as ObservedFigures
}

const middle = (list: number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1]!

/** Prints the median and the spread of the ratios of the rounds, above 1 where `own` is faster than `other`. */
function printRatio(name: string, own: number[], other: number[], goal: string): void {
  const ratios = own.map((ns, round) => other[round]! / ns)
  const figures = [
    middle(other).toFixed(0), middle(own).toFixed(0), middle(ratios).toFixed(3), Math.min(...ratios).toFixed(3),
    Math.max(...ratios).toFixed(3), goal,
  ]
  console.log(name.padEnd(34) + figures.map((figure) => figure.padStart(9)).join(''))
}

const lab = mkdtempSync(path.join(tmpdir(), 'varve-observed-'))
try {
  const own = path.join(home, 'dist')
  const variants: [Variant, string][] = [['untraced', own], ['nobody', own], ['subscriber', own], ['page', own]]
  if (values.commit !== undefined) variants.push(['commit', built(values.commit, path.join(lab, 'commit'))])
  const found = new Map<Variant, ObservedFigures[]>(variants.map(([variant]) => [variant, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    // Each round begins with another one: none is always the first.
    for (let i = 0; i < variants.length; i++) {
      const [variant, dist] = variants[(i + round) % variants.length]!
      found.get(variant)!.push(await measure(variant, dist))
    }
  }
  const of = (variant: Variant, name: string): number[] => found.get(variant)!.map((figures) => figures[name]!)
  const heads = ['base ns', 'own ns', 'ratio', 'least', 'most', 'goal']
  console.log(`${values.rounds} rounds`.padEnd(34) + heads.map((head) => head.padStart(9)).join(''))
  for (const call of ['put', 'putSync', 'get', 'getSync']) {
    printRatio(`${call}: nobody, untraced`, of('nobody', call), of('untraced', call), '0.99')
    printRatio(`${call}: page, nobody`, of('page', call), of('nobody', call), '0.98')
    printRatio(`${call}: subscriber, nobody`, of('subscriber', call), of('nobody', call), '')
    if (found.has('commit')) printRatio(`${call}: nobody, commit`, of('nobody', call), of('commit', call), '')
  }
  for (const [call, how, goal] of [['get', 'JSON', '0.9'], ['put', 'JSON', '0.9'], ['get', 'bytes', '1']] as const) {
    printRatio(`${call}: ${how} view, by hand`, of('nobody', `${call}, ${how} view`),
      of('nobody', `${call}, ${how} by hand`), goal)
  }
} finally {
  rmSync(lab, { recursive: true, force: true })
  if (values.commit !== undefined) execFileSync('git', ['-C', home, 'worktree', 'prune'])
}
