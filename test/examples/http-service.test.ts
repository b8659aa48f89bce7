/**
 * The service of examples/ as a process: what it has acknowledged is there after SIGTERM in the middle of requests, a
 * client that sends nothing more does not keep it, and what it cannot understand is told so.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import { raw } from '../inspector/ask.js'
import { packageDir } from '../support/harness/golden.js'

const dir = mkdtempSync(path.join(tmpdir(), 'varve-service-'))
after(() => rmSync(dir, { recursive: true }))

interface Service {
  child: ChildProcess
  url: string
  port: number
  ended: Promise<unknown[]>
}

async function start(location: string, port = 0): Promise<Service> {
  const program = path.join(packageDir, 'examples/http-service.js')
  const child = spawn(process.execPath, [program, String(port), location, '300'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'exit')
  const [line] = await Promise.race([once(child.stdout, 'data'), ended]) as unknown[]
  const url = String(line).trim()
  return { child, url, port: url.startsWith('http') ? Number(new URL(url).port) : 0, ended }
}

test('every document that was acknowledged is there after SIGTERM under load', async () => {
  const location = path.join(dir, 'load')
  const { child, url, ended } = await start(location)
  const acknowledged: string[] = []
  const putAll = async (client: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const id = `${client}-${i}`
      const answer = await fetch(`${url}/documents/${id}`, { method: 'PUT', body: '{}' }).catch(() => null)
      if (answer === null) return
      if (answer.status === 204) acknowledged.push(id)
      if (acknowledged.length === 100) child.kill('SIGTERM')
    }
  }
  await Promise.all(Array.from({ length: 10 }, (_, client) => putAll(client)))
  assert.deepEqual(await ended, [0, null])
  const db = await Varve.open(location)
  assert.deepEqual(acknowledged.filter((id) => !db.hasSync(`document:${id}`)), [])
  assert.ok(acknowledged.length >= 100)
  await db.close()
})

test('a client that sends nothing more does not keep the service', { timeout: 60_000 }, async (t) => {
  const { child, port, ended } = await start(path.join(dir, 'slow'))
  t.after(() => child.kill('SIGKILL'))
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('PUT /documents/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n')
  await once(socket, 'data')
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  socket.destroy()
})

test('says what is wrong with a request, and fails where the port is taken', async () => {
  const { child, port, ended } = await start(path.join(dir, 'odd'))
  const statusOf = async (target: string): Promise<string> => {
    return (await raw(port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).slice(9, 12)
  }
  for (const [target, status] of [
    ['//', '404'], ['/\\', '404'], ['/documents/%', '400'], ['/documents?limit=x', '400'],
    ['/documents?limit=-2', '200'], ['/documents/__proto__', '404'],
  ] as const) assert.equal(await statusOf(target), status, target)
  const second = await start(path.join(dir, 'second'), port)
  assert.deepEqual(await second.ended, [1, null])
  child.kill('SIGTERM')
  await ended
})
