/**
 * The inspector's page in a real browser: every page of a database with hostile keys is there, says what the statistics
 * say, and nothing is on the console, against the content policy, or asked of another origin. browser.long.ts has more.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { Varve } from '../../src/api/index.js'
import { inspect } from '../../src/inspector/index.js'
import { MemoryVfs } from '../../src/vfs/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { Chromium, findChromium } from '../support/browser/chromium.js'
import { Tab } from '../support/browser/tab.js'
import { enter, HOSTILE, IS_DRAWN, PAGES, visit } from './scenes.js'

const runtime = mkdtempSync(path.join(tmpdir(), 'varve-runtime-'))
process.env['XDG_RUNTIME_DIR'] = runtime
after(() => rmSync(runtime, { recursive: true }))

const program = findChromium()
const skip = program === null && 'no chromium: set CHROME'

test('every page, of a database with hostile keys', { skip }, async () => {
  const db = await Varve.open('/db', { workers: 0, writeBufferSize: 256 * 1024, components: { vfs: new MemoryVfs() } })
  const shown = await inspect(db)
  for (const key of HOSTILE) await db.put(key, 'value')
  await db.flush()
  for (let i = 0; i < 3000; i++) void db.put(`user:${i}`, Buffer.alloc(300))
  await db.flush()
  const browser = new Chromium(program!)
  try {
    const tab = await Tab.open(browser)
    await enter(tab, shown.url)
    assert.equal(await tab.read('location.href'), `${new URL(shown.url).origin}/`, 'the token is not in the address')
    for (const id of PAGES) {
      await visit(tab, id)
      assert.equal(await tab.read('document.querySelector("[role=alert]")?.textContent ?? ""'), '', id)
      assert.ok(await tab.read<boolean>('document.documentElement.scrollWidth <= innerWidth'), `${id} is too wide`)
    }
    await visit(tab, 'now')
    await tab.until(`document.querySelector('.tiles').innerText.includes('up to number 3,006')`)
    await visit(tab, 'levels')
    await tab.until(IS_DRAWN)
    const count = db.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
    await tab.until(`document.querySelector('canvas').dataset.tables === '${count}'`)
    await tab.read(`document.querySelector('canvas').focus()`)
    await tab.press('Home')
    await tab.until(`document.querySelector('dl')?.innerText.includes('first key')`)
    assert.equal(await tab.read('document.querySelectorAll("main img, main script").length'), 0)
    assert.match(await tab.read<string>('document.title'), /Varve/)
    assert.deepEqual(tab.faults, [])
  } finally {
    await browser.close()
    await shown.close()
    await db.close()
  }
})

test('of a directory that it reads itself it does not show its own memory and holders', { skip }, async () => {
  const db = await Varve.open(newDirectory(), { workers: 0 })
  const snapshot = db.snapshot()
  const shown = await inspect(db.location)
  const browser = new Chromium(program!)
  try {
    const tab = await Tab.open(browser)
    await enter(tab, shown.url)
    for (const id of ['memory', 'holders', 'stalls']) {
      await visit(tab, id)
      const text = await tab.read<string>(`document.querySelector('main').innerText`)
      assert.match(text, /only the process that writes knows/, id)
    }
    await visit(tab, 'levels')
    assert.deepEqual(tab.faults, [])
  } finally {
    await browser.close()
    await shown.close()
    snapshot.release()
    await db.close()
  }
})
