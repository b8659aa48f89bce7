/**
 * What the page may do to a database, and what it may not: each action is asked for, confirmed and told; a checkpoint
 * lands in the directory that the program chose, whatever the request says. INSP-5.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Varve } from '../../src/api/index.js'
import { inspect } from '../../src/inspector/index.js'
import type { InspectOptions } from '../../src/inspector/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { ask, pageHeaders, portOf, signIn, view } from './ask.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

interface Told { type: string; action: string; text: string; [field: string]: unknown }
interface Answer { status: number; confirm?: string; text?: string; error?: { code: string; message: string } }

type Post = (body: object) => Promise<Answer>

/** Shows a database of some keys with these options, and gives what sends an action. */
async function withAdmin(
  options: InspectOptions, use: (db: Varve, post: Post, told: () => Promise<Told>) => Promise<void>,
): Promise<void> {
  const db = await Varve.open(newDirectory(), { workers: 0 })
  for (let i = 0; i < 100; i++) await db.put(`key ${i}`, 'value')
  const shown = await inspect(db, { admin: true, ...options })
  const bearer = await signIn(shown)
  const post = async (body: object): Promise<Answer> => {
    const asked = { method: 'POST', path: '/api/admin', headers: pageHeaders(portOf(shown), bearer) }
    const { status, text } = await ask(portOf(shown), { ...asked, body: JSON.stringify(body) })
    return { ...(text === '' ? {} : JSON.parse(text) as object), status }
  }
  const told = async (): Promise<Told> => {
    for (let i = 0; i < 100; i++) {
      const { events } = await view<{ events: Told[] }>(shown, bearer, `events?after=${i % 2}`)
      const end = events.findLast(({ type }) => type === 'adminEnd' || type === 'adminFailed')
      if (end !== undefined) return end
      await wait(50)
    }
    throw new Error('nothing was told')
  }
  try {
    await use(db, post, told)
  } finally {
    await shown.close()
    await db.close()
  }
}

describe('actions', () => {
  it('merge a range of keys, which is read before it is confirmed', async () => {
    await withAdmin({}, async (db, post, told) => {
      await db.flush()
      const whole = await post({ action: 'compact' })
      assert.match(whole.text!, /^All tables/)
      for (const given of [{ from: 'b', to: 'a' }, { from: '0x1' }, { to: '0xzz' }, { from: 5 }]) {
        const { status, error } = await post({ action: 'compact', ...given })
        assert.deepEqual([status, error?.code], [400, 'INVALID_ARGUMENT'], JSON.stringify(given))
      }
      const { text, confirm } = await post({ action: 'compact', from: 'key 1', to: '0x6b657932' })
      assert.match(text!, /from "key 1" to "key2"/)
      assert.equal((await post({ action: 'compact', confirm, from: 'other' })).status, 200)
      const end = await told()
      assert.deepEqual([end.type, end.action], ['adminEnd', 'compact'])
      assert.deepEqual(db.getSync('key 5'), new Uint8Array(Buffer.from('value')))
    })
  })

  it('scrub, and tell how many problems there are', async () => {
    await withAdmin({}, async (_db, post, told) => {
      const { confirm } = await post({ action: 'scrub' })
      await post({ action: 'scrub', confirm })
      assert.equal((await told())['problems'], 0)
    })
  })

  it('make a checkpoint in the given directory alone, whatever is asked for', async () => {
    const dir = newDirectory()
    mkdirSync(dir, { recursive: true })
    await withAdmin({ checkpoints: dir }, async (db, post, told) => {
      const elsewhere = newDirectory()
      const wanted = { action: 'checkpoint', target: elsewhere, checkpoints: elsewhere, name: '../x', to: elsewhere }
      const { text, confirm } = await post(wanted)
      assert.ok(text!.includes(`${dir}${path.sep}checkpoint-`))
      assert.equal((await post({ ...wanted, confirm })).status, 200)
      const end = await told()
      assert.equal(end.type, 'adminEnd', end.text)
      assert.ok(!existsSync(elsewhere))
      const names = readdirSync(dir)
      assert.equal(names.length, 1)
      assert.match(names[0]!, /^checkpoint-[0-9a-f]{8}-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/)
      const copy = await Varve.open(path.join(dir, names[0]!), { readOnly: true })
      assert.equal(copy.stats().database.visibleSeq, db.stats().database.visibleSeq)
      await copy.close()
    })
  })

  it('are none without the options, nor for a database that is only read', async () => {
    await withAdmin({}, async (_db, post) => {
      for (const action of ['checkpoint', 'toString', '__proto__', 5, null]) {
        assert.equal((await post({ action })).error?.code, 'INVALID_ARGUMENT', String(action))
      }
    })
    const dir = newDirectory()
    await (await Varve.open(dir, { workers: 0 })).close()
    const shown = await inspect(dir, { admin: true })
    const bearer = await signIn(shown)
    const { databases } = await view<{ databases: { actions: object[] }[] }>(shown, bearer, 'databases')
    assert.deepEqual(databases[0]!.actions, [])
    const asked = { method: 'POST', path: '/api/admin', headers: pageHeaders(portOf(shown), bearer) }
    assert.equal((await ask(portOf(shown), { ...asked, body: '{"action":"flush"}' })).status, 409)
    await shown.close()
  })
})

describe('an option that is wrong', () => {
  it('is refused by name, and nothing is begun', async () => {
    const db = await Varve.open(newDirectory(), { workers: 0 })
    const token = 'a-token-of-my-own-choice'
    const file = path.join(newDirectory(), 'file')
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, '')
    const wrong: [string, object][] = [
      ['port', { port: 70_000 }], ['port', { port: -1 }], ['port', { port: 1.5 }], ['port', { port: '80' }],
      ['host', { host: 5 }], ['host', { host: '' }], ['host', { host: 'a b' }], ['host', { host: '0.0.0.0' }],
      ['host', { host: '0.0.0.0', token }], ['host', { host: '0.0.0.0', allowedHosts: ['a:1'] }],
      ['allowedHosts', { allowedHosts: 'a:1' }], ['allowedHosts', { allowedHosts: [5] }],
      ['allowedHosts', { allowedHosts: ['http://a'] }], ['values', { values: 'yes' }], ['admin', { admin: 1 }],
      ['historyMs', { historyMs: -1 }], ['historyMs', { historyMs: NaN }], ['historyMs', { historyMs: 1e9 }],
      ['token', { token: 'short' }], ['token', { token: 5 }], ['checkpoints', { admin: true, checkpoints: 5 }],
      ['checkpoints', { admin: true, checkpoints: '' }], ['checkpoints', { checkpoints: tmpdir() }],
      ['checkpoints', { admin: true, checkpoints: file }],
      ['checkpoints', { admin: true, checkpoints: `${file}/none` }], ['ports', { ports: 1 }],
    ]
    for (const [name, options] of wrong) {
      await assert.rejects(inspect(db, options), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'INVALID_ARGUMENT', JSON.stringify(options))
        assert.ok(error.message.includes(name), error.message)
        return true
      })
    }
    for (const options of [null, 5, 'x', []]) {
      await assert.rejects(inspect(db, options as never), { code: 'INVALID_ARGUMENT' })
    }
    assert.ok(!existsSync(path.join(runtime, 'varve')) || readdirSync(path.join(runtime, 'varve')).length === 0)
    await db.close()
  })

  it('a port that is taken is an IO_ERROR that says so, and what was opened is closed', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const dir = newDirectory()
    const db = await Varve.open(dir, { workers: 0 })
    for (const what of [db, dir]) {
      await assert.rejects(inspect(what, { port }), { code: 'IO_ERROR', message: `port ${port} of 127.0.0.1 is taken` })
    }
    other.close()
    await db.close()
  })
})
