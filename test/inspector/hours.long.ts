/**
 * Hours of looking, in minutes or less: neither the server nor the page keeps more and more of them, and 10,000
 * requests leave no handle.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Varve } from '../../src/api/index.js'
import { inspect, Subject, Watch } from '../../src/inspector/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { Chromium, findChromium } from '../support/browser/chromium.js'
import { Tab } from '../support/browser/tab.js'
import { HandClock } from '../support/fakes/hand-clock.js'
import { askOften, signIn } from './ask.js'
import { enter, visit } from './scenes.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

const HOUR_SECONDS = 3600
const MIB = 2 ** 20
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const open = (): Promise<Varve> =>
  Varve.open('/db', { workers: 0, writeBufferSize: 64 * 1024, components: { vfs: new MemoryVfs() } })

test('the server keeps an hour, and no more of the next one', async () => {
  const db = await open()
  const clock = new HandClock()
  const subject = Object.defineProperty(new Subject(db, false), 'clock', { value: clock })
  const watch = new Watch(subject, HOUR_SECONDS * 1000)
  const end = watch.look({ onSample: () => undefined, onEvent: () => undefined })
  const hour = async (): Promise<number> => {
    for (let second = 0; second < HOUR_SECONDS; second++) {
      await db.put(`key ${second % 100}`, Buffer.alloc(100))
      await db.get(`key ${second % 100}`)
      if (second % 3 === 0) await db.flush()
      watch.tell('adminBegin', { action: 'none' })
      await clock.advance(1000)
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  await hour()
  const first = await hour()
  assert.equal(watch.samples.after(0).length, HOUR_SECONDS, 'a sample a second')
  const grown = await hour() - first
  console.log(`server: ${(grown / MIB).toFixed(2)} MiB more after another hour`)
  assert.ok(grown < MIB, `${grown} bytes`)
  end()
  watch.stop()
  await db.close()
})

test('10,000 requests leave no handle', async () => {
  const db = await open()
  const shown = await inspect(db)
  await askOften(shown, await signIn(shown), 10_000)
  await shown.close()
  await db.close()
})

/** In place of the stream of the server: what the test gives it. */
const FED_STREAM = `{
  const real = window.fetch
  window.fetch = (url, ...rest) => {
    if (!String(url).startsWith('/events')) return real(url, ...rest)
    const begin = (to) => { window.feed = (text) => to.enqueue(new TextEncoder().encode(text)) }
    const body = new ReadableStream({ start: begin })
    return Promise.resolve(new Response(body))
  }
}`

const program = findChromium()

test('the page keeps an hour, and no more of the next two', { skip: program === null && 'no chromium: set CHROME' },
  async () => {
  const db = await open()
  for (let i = 0; i < 2000; i++) await db.put(`key ${i}`, Buffer.alloc(200))
  const shown = await inspect(db)
  const browser = new Chromium(program!)
  try {
    const tab = await Tab.open(browser)
    await tab.call('Page.addScriptToEvaluateOnNewDocument', { source: FED_STREAM })
    await enter(tab, shown.url)
    let second = 0
    const seconds = async (count: number): Promise<void> => {
      await tab.read(`(async () => {
        const { rows } = await import('/app.js').then(({ state }) => state)
        const last = rows.at(-1)
        for (let i = ${second}; i < ${second + count}; i++) {
          const row = last.map((n, at) => (at === 0 ? n + 1000 * (i + 1) : n + i))
          const event = { id: i + 1, t: row[0], type: 'rotated', text: 'log ' + i }
          feed('event: sample\\ndata: ' + JSON.stringify({ row, badge: { text: 'OPEN', mood: 'good' } }) + '\\n\\n')
          feed('id: ' + (i + 1) + '\\nevent: events\\ndata: ' + JSON.stringify([event]) + '\\n\\n')
          if (i % 20 === 0) await new Promise((done) => setTimeout(done, 5))
        }
      })()`)
      second += count
    }
    const heap = async (): Promise<number> => {
      await tab.call('HeapProfiler.collectGarbage')
      return (await tab.call('Runtime.getHeapUsage'))['usedSize'] as number
    }
    const hour = async (): Promise<number> => {
      for (const id of ['now', 'pipeline', 'levels', 'heat', 'events', 'memory']) {
        await visit(tab, id)
        await seconds(HOUR_SECONDS / 6)
      }
      return heap()
    }
    await hour()
    const first = await hour()
    assert.equal(await tab.read(`import('/app.js').then(({ state }) => state.rows.length)`), HOUR_SECONDS)
    const nodes = async (): Promise<number> => (await tab.call('Memory.getDOMCounters'))['nodes'] as number
    const firstNodes = await nodes()
    await hour()
    const grown = await hour() - first
    console.log(`page: ${(grown / MIB).toFixed(2)} MiB more after two other hours, of ${(first / MIB).toFixed(1)} MiB`)
    // Two hours of samples alone would be over 2 MiB; what is still to be collected makes the rest.
    assert.ok(grown < 1.5 * MIB, `${grown} bytes`)
    assert.ok(await nodes() <= 1.5 * firstNodes, `${await nodes()} elements, ${firstNodes} before`)
    assert.deepEqual(tab.faults, [])
  } finally {
    await browser.close()
    await shown.close()
    await db.close()
  }
})
