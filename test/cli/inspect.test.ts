/** `varve inspect`: the address of the inspector of another process, or one of its own until Ctrl-C. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/api/index.js'
import { inspect } from '../../src/inspector/index.js'
import { ask } from '../inspector/ask.js'
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
  assert.equal((await varveHere('inspect', path.join(dir, 'none'))).code, 1)
})
