/** Under the permission model: no child processes, no fsync by descriptor, perhaps no threads. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
const permission = major < 23 ? '--experimental-permission' : '--permission'

/** Node 20–24 leave FileHandle.sync; 26 forbids every sync. Then ours must say so, too. */
const syncProbe = `
  const handle = await (await import('node:fs/promises')).open(process.execPath, 'r')
  await handle.sync()
  console.log('allowed')`
const canSync = spawnSync(
  process.execPath, [permission, '--allow-fs-read=*', '--no-warnings', '--input-type=module', '-e', syncProbe],
  { encoding: 'utf8' },
).stdout === 'allowed\n'

/** Runs `body` with `vfs`, `dir` and `file` (opened to write) in a process that may only touch `dir`. */
function runIn(t: TestContext, body: string, flags: string[] = []): string {
  const dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'varve-permission-')))
  t.after(() => fs.rmSync(dir, { recursive: true }))
  const code = `
    const { NodeVfs } = await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../index.js')).href)})
    const vfs = new NodeVfs()
    const dir = ${JSON.stringify(dir)}
    const file = await vfs.open(vfs.join(dir, 'a'), 'create')
    await file.write(new Uint8Array(9), 0, 9, 0)
    ${body}
    await file.close()
    console.log('done')`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      permission, '--allow-fs-read=*', `--allow-fs-write=${dir}/*`,
      ...flags, '--no-warnings', '--input-type=module', '-e', code,
    ],
    { encoding: 'utf8' },
  )
  return stdout + stderr
}

test('files, awaited syncs and the lock work with access to the directory alone', { skip: !canSync }, (t) => {
  const body = `
    const lock = await vfs.lock(dir)
    await file.sync()
    await file.dataSync()
    await vfs.syncDir(dir)
    vfs.openSync(vfs.join(dir, 'a'), 'read').closeSync()
    await lock.release()`
  assert.equal(runIn(t, body), 'done\n')
})

test('blocking syncs work when threads are allowed, for this file only', { skip: !canSync }, (t) => {
  const body = `
    file.syncSync()
    file.dataSyncSync()
    vfs.syncDirSync(dir)
    for (let i = 0; i < 20; i++) file.syncSync()
    vfs.renameSync(vfs.join(dir, 'a'), vfs.join(dir, 'b'))
    try { file.syncSync() } catch (error) { console.log(error.code) }`
  assert.equal(runIn(t, body, ['--allow-worker']), 'ENOENT\ndone\n')
})

test('where a sync is forbidden it fails; it neither pretends nor leaves the permission model', (t) => {
  const body = `
    const codes = []
    const sync = async (run) => { try { await run(); codes.push('ok') } catch (error) { codes.push(error.code) } }
    await sync(() => file.syncSync())
    await sync(() => vfs.syncDirSync(dir))
    await sync(() => file.sync())
    await sync(() => vfs.lock(dir))
    console.log(codes.join(' '))`
  const denied = 'ERR_ACCESS_DENIED'
  const awaitedForm = canSync ? 'ok ok' : `${denied} ${denied}`
  assert.equal(runIn(t, body), `${denied} ${denied} ${awaitedForm}\ndone\n`)
  if (!canSync) {
    assert.equal(runIn(t, body, ['--allow-worker']), `${denied} ${denied} ${awaitedForm}\ndone\n`)
  }
})
