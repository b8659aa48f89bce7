/** `varve inspect`: the address of the inspector of another process, or one of its own until Ctrl-C. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Varve } from '../../src/api/index.js'
import { inspect } from '../../src/inspector/index.js'
import { ask, signIn, view } from '../inspector/ask.js'
import { directoryState } from '../support/databases/directory-state.js'
import { newDirectory } from '../support/databases/databases.js'
import { varveHere, varveProgram } from '../support/programs/run-program.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

test('the inspector of the process that writes is found, and its address is good', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir, { workers: 0 })
  const shown = await inspect(db)
  const { code, out, error } = await varveHere('inspect', dir)
  assert.deepEqual([code, error], [0, ''])
  const { origin, port, hash } = new URL(out.trim())
  assert.equal(origin, new URL(shown.url).origin)
  const headers = { origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }
  const body = JSON.stringify({ token: hash.slice(1) })
  assert.equal((await ask(Number(port), { method: 'POST', path: '/session', headers, body })).status, 200)
  const { isLive } = JSON.parse((await varveHere('inspect', dir, '--json')).out) as { isLive: boolean }
  assert.equal(isLive, true)
  await shown.close()
  await db.close()
})

test('without one the files are shown until Ctrl-C, and nothing in the directory changes', async () => {
  const dir = newDirectory()
  const db = await Varve.open(dir, { workers: 0 })
  await db.put('key', 'value')
  await db.close()
  const before = directoryState(dir)
  const child = spawn(process.execPath, [varveProgram, 'inspect', dir], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  assert.equal((await ask(Number(new URL(line.trim()).port), {})).status, 200)
  child.kill('SIGINT')
  const [code] = (await once(child, 'exit')) as [number]
  assert.equal(code, 0)
  assert.deepEqual(directoryState(dir), before)
})

test('what cannot be shown is an error of its own, and nothing is begun', async () => {
  const dir = newDirectory()
  mkdirSync(dir, { recursive: true })
  const empty = await varveHere('inspect', dir)
  assert.equal(empty.code, 1)
  assert.match(empty.error, /^varve: NOT_FOUND: the database in .* does not exist/)
  const missing = await varveHere('inspect', path.join(dir, 'none'))
  assert.equal(missing.code, 1)
  assert.match(missing.error, /^varve: NOT_FOUND: .*none does not exist/)
  await (await Varve.open(dir, { workers: 0 })).close()
  for (const port of ['70000', '-1', 'x', '1.5']) {
    const { code, error } = await varveHere('inspect', dir, '--port', port)
    assert.equal(code, 2, port)
    assert.match(error, /--port/)
  }
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const taken = await varveHere('inspect', dir, '--port', String(port))
  assert.equal(taken.code, 1)
  assert.match(taken.error, new RegExp(`IO_ERROR: port ${port} of 127.0.0.1 is taken`))
  other.close()
})

test('a view of files goes on while the writer comes and goes, and says when they are gone or others', async () => {
  const [dir, copy] = [newDirectory(), newDirectory()]
  const write = async (key: string): Promise<void> => {
    const db = await Varve.open(dir, { workers: 0 })
    await db.put(key, 'value')
    await db.close()
  }
  await write('one')
  cpSync(dir, copy, { recursive: true })
  const [shown, ofCopy] = [await inspect(dir), await inspect(copy)]
  const bearer = await signIn(shown)
  type Now = { limit: string; stats: { database: { visibleSeq: number } } }
  const until = async (isSo: (now: Now) => boolean): Promise<Now> => {
    for (let i = 0; ; i++) {
      const now = await view<Now>(shown, bearer, 'now')
      if (isSo(now) || i === 60) return now
      await wait(100)
    }
  }
  await write('two')
  assert.equal((await until(({ stats }) => stats.database.visibleSeq === 2)).stats.database.visibleSeq, 2)
  rmSync(dir, { recursive: true })
  const gone = await until(({ limit }) => limit.includes('failed'))
  assert.match(gone.limit, /^The last look at the files failed: .*ENOENT/)
  assert.equal(gone.stats.database.visibleSeq, 2, 'the last state stays')
  await write('another')
  const other = await until(({ limit }) => limit.includes('another database'))
  assert.match(other.limit, /another history than this view: it holds another database/)
  const before = await view<Now>(ofCopy, await signIn(ofCopy), 'now')
  assert.equal(before.stats.database.visibleSeq, 1)
  await ofCopy.close()
  await shown.close()
})
