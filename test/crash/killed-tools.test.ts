/** What a killed checkpoint, restore or repair leaves goes with the next one, and nothing else does. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Varve } from '../../src/index.js'
import { newDirectory, text } from '../support/databases/databases.js'

const child = fileURLToPath(new URL('./tool-child.js', import.meta.url))

async function newSource(): Promise<string> {
  const source = newDirectory()
  const db = await Varve.open(source)
  for (let i = 0; i < 300; i++) await db.put(`k${i}`, 'x'.repeat(1000))
  await db.flush()
  await db.put('last', 'in a log')
  await db.close()
  return source
}

const namesBeside = (target: string) =>
  readdirSync(path.dirname(target)).filter((name) => name.startsWith(path.basename(target))).sort()

/** Runs a tool that is killed in the middle; gives the directory that it leaves. */
function killed(tool: string, source: string, target: string): string {
  const { signal, stderr } = spawnSync(process.execPath, [child, tool, source, target], { encoding: 'utf8' })
  assert.equal(signal, 'SIGKILL', stderr)
  const [left, ...others] = namesBeside(target)
  assert.deepEqual([left!.startsWith(`${path.basename(target)}.tmp.`), others], [true, []])
  return path.join(path.dirname(target), left!)
}

const TOOLS = {
  checkpoint: (source: string, target: string) => Varve.checkpoint(source, target),
  restore: (source: string, target: string) => Varve.restore(source, target),
  repair: (source: string, target: string) => Varve.repair(source, target),
}

for (const [tool, run] of Object.entries(TOOLS)) {
  test(`CP-4: what a killed ${tool} leaves goes with the next, also when its process number lives again`, async () => {
    const source = await newSource()
    const target = `${source}-made`
    const left = killed(tool, source, target)
    renameSync(left, `${target}.tmp.${process.pid}.7`)
    await run(source, target)
    assert.deepEqual(namesBeside(target), [path.basename(target)])
    const db = await Varve.open(target)
    assert.equal(text(db.getSync('last')), 'in a log')
    await db.close()
  })
}

test('what a killed tool leaves goes with one to another target beside it', async () => {
  const source = await newSource()
  killed('checkpoint', source, `${source}-one`)
  await Varve.restore(source, `${source}-two`)
  assert.deepEqual(namesBeside(`${source}-one`), [])
})

test('what somebody is making, or has named so, stays', async () => {
  const source = await newSource()
  const target = `${source}-made`
  const [own, mixed, empty] = [`${target}.tmp.1.1`, `${target}.tmp.1.2`, `${target}.tmp.1.3`]
  await (await Varve.open(own)).close()
  cpSync(killed('checkpoint', source, `${source}-dead`), mixed, { recursive: true })
  writeFileSync(path.join(mixed, 'notes.txt'), 'mine')
  mkdirSync(empty)
  const abort = new AbortController()
  const living = Varve.checkpoint(source, `${target}-slow`, { mode: 'copy', bytesPerSecond: 1, signal: abort.signal })
  living.catch(() => undefined)
  const isMade = () => namesBeside(`${target}-slow`).some((name) =>
    readdirSync(path.join(path.dirname(target), name)).length > 2)
  while (!isMade()) await new Promise((resolve) => setTimeout(resolve, 5))
  const before = namesBeside(target)
  assert.equal(before.length, 4)
  await Varve.checkpoint(source, target)
  assert.deepEqual(namesBeside(target), [path.basename(target), ...before].sort())
  assert.deepEqual(namesBeside(`${source}-dead`), [])
  abort.abort()
  await assert.rejects(living)
  assert.deepEqual(namesBeside(`${target}-slow`), [])
})
