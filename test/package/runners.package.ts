/** Shows that the published package loads and works in test runners, and in what runs TypeScript as it stands. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { after, before, test } from 'node:test'
import {
  commonProgram,
  coreTypes,
  levelTypes,
  modernProgram,
  programOutput,
} from '../support/programs/package-users.js'
import { packed } from '../support/programs/packed-package.js'

const { root, project, write } = packed
const tools = path.join(root, '.tools/node_modules')

/** Starts a tool in the project; gives what it wrote, or fails with it. */
function start(program: string, args: string[], nodeFlags: string[] = []): string {
  try {
    const all = [...nodeFlags, path.join(tools, program), ...args]
    return execFileSync(process.execPath, all, {
      cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: '1' },
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return assert.fail(`${program} ${args.join(' ')}\n${stdout}\n${stderr}`)
  }
}

before(() => {
  packed.install('commonjs')
  packed.link('abstract-level')
  for (const name of ['@types/node', 'vitest', 'typescript-5.4']) packed.link(name, tools)
})

after(() => packed.remove())

/** What a user's test does: both entry points, worker threads, errors, buffers; `expect` is the runner's. */
const userTests = `
const location = (name) => path.join(mkdtempSync(path.join(tmpdir(), 'varve-runner-')), name)

test('varve', async () => {
  const db = await Varve.open(location('db'), { writeBufferSize: 65536, workers: 1 })
  const value = new Uint8Array(1000).fill(7)
  for (let i = 0; i < 300; i++) await db.put(Buffer.from(String(i).padStart(6, '0')), value)
  await db.flush()
  expect(db.stats().jobs.workerCount).toBe(1)
  expect(db.stats().flush.failed).toBe(0)
  expect(await db.get('000123')).toEqual(value)
  expect(db.getSync('000123') instanceof Uint8Array).toBe(true)
  expect(db.getSync('none')).toBe(undefined)
  let count = 0
  for await (const [key] of db.entries({ prefix: Buffer.from('0002') })) count += key.length
  expect(count).toBe(600)
  const controller = new AbortController()
  await db.compact({}, { signal: controller.signal })
  const error = await Varve.open(db.location).catch((error) => error)
  expect(error).toBeInstanceOf(VarveError)
  expect(VarveError.is(error) && error.code).toBe('LOCKED')
  await expect(db.put('a', 5)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await db.close()
  await Varve.destroy(db.location)
})

test('varve/level', async () => {
  const db = new VarveLevel(location('level'), { valueEncoding: 'json' })
  await db.batch([{ type: 'put', key: 'a', value: { n: 1 } }, { type: 'put', key: 'b', value: { n: 2 } }])
  expect(await db.get('a')).toEqual({ n: 1 })
  expect(await db.iterator({ gt: 'a' }).all()).toEqual([['b', { n: 2 }]])
  expect(await db.get('a', { valueEncoding: 'buffer' })).toEqual(Buffer.from('{"n":1}'))
  await db.close()
})

test('varve/testing', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open('/db', { components: { vfs } })
  db.putSync('a', 'b')
  await db.close()
  const again = await Varve.open('/db', { components: { vfs } })
  expect(Buffer.from(again.getSync('a')).toString()).toBe('b')
  await again.close()
})
`
const required = `
const { mkdtempSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { Varve, VarveError } = require('varve')
const { VarveLevel } = require('varve/level')
const { MemoryVfs } = require('varve/testing')
`
const imported = required.replace(/const (.*) = require\((.*)\)/g, 'import $1 from $2')

test('jest, as it comes: CommonJS', () => {
  write('jest-common/varve.test.js', required + userTests)
  start('jest/bin/jest.js', ['jest-common'])
})

test('jest with ES modules', () => {
  write('jest-modules/varve.test.mjs', imported + userTests)
  start('jest/bin/jest.js', ['jest-modules'], ['--experimental-vm-modules', '--no-warnings'])
})

test('vitest', () => {
  write('vitest/varve.test.mjs', `import { expect, test } from 'vitest'\n${imported}${userTests}`)
  start('vitest/vitest.mjs', ['run', '--root', 'vitest'])
})

test('vitest, when it transforms the package too', () => {
  write('vitest-inline/vitest.config.mjs', 'export default { test: { server: { deps: { inline: ["varve"] } } } }')
  write('vitest-inline/varve.test.mjs', `import { expect, test } from 'vitest'\n${imported}${userTests}`)
  start('vitest/vitest.mjs', ['run', '--root', 'vitest-inline'])
})

test('tsx, with modules and with CommonJS', () => {
  write('tsx/modern.mts', modernProgram)
  write('tsx/common.cts', commonProgram)
  assert.equal(start('tsx/dist/cli.mjs', ['tsx/modern.mts', 'tsx/data-1']).trim(), programOutput)
  assert.equal(start('tsx/dist/cli.mjs', ['tsx/common.cts', 'tsx/data-2']).trim(), programOutput)
})

test('ts-node, CommonJS with types checked by TypeScript 5.4, under the oldest resolution', () => {
  for (const moduleResolution of ['node10', 'node16']) {
    const dir = `ts-node-${moduleResolution}`
    const module = moduleResolution === 'node10' ? 'commonjs' : 'node16'
    const compilerOptions = { target: 'ES2022', module, moduleResolution, strict: true, types: ['node'] }
    write(`${dir}/tsconfig.json`, JSON.stringify({ compilerOptions }))
    write(`${dir}/core.ts`, coreTypes)
    write(`${dir}/level.ts`, levelTypes)
    write(`${dir}/program.ts`, `
      import './core'
      import './level'
      ${commonProgram.replace("const { Varve } = require('varve')", "import { Varve } from 'varve'")}
    `)
    const args = ['--compiler', 'typescript-5.4', `${dir}/program.ts`, `${dir}/data`]
    assert.equal(start('ts-node/dist/bin.js', args).trim(), programOutput)
  }
})
