/**
 * What a page is told as it happens: every event since the one that it knows, once and in order, however many there
 * were; and that a database is closed, also when it was before the page came.
 */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, it } from 'node:test'
import { Varve } from '../../src/api/index.js'
import { EventStream, inspect, Subject, Watch } from '../../src/inspector/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { HandClock } from '../support/fakes/hand-clock.js'
import { ask, portOf, signIn } from './ask.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

const open = (name: string): Promise<Varve> =>
  Varve.open(name, { workers: 0, components: { vfs: new MemoryVfs() } })

/** The parts of a response that a stream uses; a reader that always reads. */
class Page extends EventEmitter {
  writableEnded = false
  readonly destroyed = false
  readonly writableLength = 0
  text = ''

  write(text: string): void {
    this.text += text
  }

  end(): void {
    this.writableEnded = true
    this.emit('close')
  }

  /** What was sent of a kind. */
  sent<T>(kind: string): T[] {
    return [...this.text.matchAll(new RegExp(`^event: ${kind}\\ndata: (.*)$`, 'gm'))].map(([, data]) =>
      JSON.parse(data!) as T)
  }
}

it('tells each event since the one that a page knows, once and in order, or that some are gone', async () => {
  const db = await open('/db')
  const clock = new HandClock()
  const watch = new Watch(Object.defineProperty(new Subject(db, false), 'clock', { value: clock }), 1000)
  const happen = (count: number): void => {
    for (let i = 0; i < count; i++) watch.tell('adminBegin', { action: `number ${i}` })
  }
  happen(10)
  for (const [before, meanwhile] of [[0, 0], [1, 3], [499, 2], [501, 0], [1999, 1], [0, 1700], [700, 800], [2500, 0]]) {
    const known = watch.events.lastId
    happen(before!)
    const page = new Page()
    const stream = new EventStream(watch, page as unknown as ServerResponse, known)
    happen(meanwhile!)
    await clock.advance(3000)
    stream.finish()
    const ids = page.sent<{ id: number }[]>('events').flat().map(({ id }) => id)
    const isWhole = page.sent<{ isWhole: boolean }>('hello').every((hello) => hello.isWhole)
    const all = Array.from({ length: before! + meanwhile! }, (_, i) => known + 1 + i)
    assert.deepEqual(ids, all.slice(-2000), `${before} and ${meanwhile}`)
    assert.equal(isWhole, all.length <= 2000)
  }
  watch.stop()
  await db.close()
})

it('tells that a database is closed, also when it was before the page came', { timeout: 10_000 }, async () => {
  const [one, two] = [await open('/one'), await open('/two')]
  const shown = await inspect([one, two])
  const authorization = `Bearer ${await signIn(shown)}`
  await one.close()
  const { text } = await ask(portOf(shown), { path: '/events?db=0', headers: { authorization } })
  assert.match(text, /^event: closed$/m)
  await shown.close()
  await two.close()
})
