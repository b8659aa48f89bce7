/** `npm start` on a small input: it is killed, comes back, proves, and leaves a database to look at. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { Varve } from '../../src/index.js'
import { runProgram, varveHere } from '../support/programs/run-program.js'

const root = mkdtempSync(path.join(tmpdir(), 'varve-demo-'))
after(() => rmSync(root, { recursive: true, force: true }))
const source = path.join(root, 'source')
mkdirSync(path.join(source, 'nested'), { recursive: true })
for (let i = 0; i < 50; i++) {
  writeFileSync(path.join(source, i % 3 === 0 ? 'nested' : '', `${i}.txt`), 'x'.repeat(i * 50))
}

describe('the demo', () => {
  it('takes the place of an older database, kills its load, and loses nothing', async () => {
    const dir = path.join(root, 'db')
    const old = await Varve.open(dir)
    await old.put('old', 'old')
    await old.close()
    const { code, out, error } = await runProgram('src/cli/demo.js', [source, dir])
    assert.deepEqual([code, error], [0, ''], out)
    const lines = [
      /^into .* 3,200 records/m, /^killed .* SIGKILL/m, /^reopened /m, /^proved .* acknowledged records are there/m,
      /^checked .* all 3,200 records/m, /^build +[1-9]/m, /^L0 +\d/m, /^get +copy1\/.*: \d+ bytes/m, /not there/,
      /^scan .*: \d+ keys/m, /npx varve stats/,
    ]
    for (const line of lines) assert.match(out, line)
    assert.ok(!out.includes('\r'))
    const stats = await varveHere('stats', dir)
    assert.equal(stats.code, 0)
    assert.match(stats.out, /^total .* 3,200 /m)
  })

  it('touches nothing that is not its own', async () => {
    const mine = path.join(root, 'mine')
    mkdirSync(mine)
    writeFileSync(path.join(mine, 'letter.txt'), 'dear')
    const foreign = await runProgram('src/cli/demo.js', [source, mine])
    assert.equal(foreign.code, 1)
    assert.match(foreign.error, /^The demo failed\.\n.*is in the way/)

    const dir = path.join(root, 'open')
    const db = await Varve.open(dir)
    const locked = await runProgram('src/cli/demo.js', [source, dir])
    assert.equal(locked.code, 1)
    assert.match(locked.error, /^The demo failed\.\nvarve: LOCKED: .*process/)
    await db.close()
  })
})
