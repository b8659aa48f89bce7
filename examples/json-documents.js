// JSON documents in collections: one sublevel each, atomic writes across them, snapshots, ranges by key.
// node examples/json-documents.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { VarveLevel } from 'varve/level'

const location = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'varve-documents-'))
const db = new VarveLevel(location)
const collection = (name) => db.sublevel(name, { valueEncoding: 'json' })
const [accounts, transfers] = [collection('accounts'), collection('transfers')]

// It reads and then writes, and no other transfer may come between: each begins when the one before it has ended.
let last = Promise.resolve()
function transfer(...given) {
  const done = last.then(() => transferAlone(...given))
  last = done.catch(() => undefined)
  return done
}

// Writes both accounts and the transfer, or nothing. When it resolves, they are on the disk.
async function transferAlone(id, from, to, amount) {
  const [source, target] = await accounts.getMany([from, to])
  if (source.balance < amount) throw new Error(`${from} has only ${source.balance}`)
  await db.batch([
    { type: 'put', sublevel: accounts, key: from, value: { ...source, balance: source.balance - amount } },
    { type: 'put', sublevel: accounts, key: to, value: { ...target, balance: target.balance + amount } },
    { type: 'put', sublevel: transfers, key: id, value: { from, to, amount } },
  ], { sync: true })
}

await accounts.batch([
  { type: 'put', key: 'ada', value: { owner: 'Ada', balance: 100 } },
  { type: 'put', key: 'alan', value: { owner: 'Alan', balance: 20 } },
])
const before = db.snapshot()
// At once: without their order one of them would be lost.
await Promise.all([transfer('2026-01-05/1', 'ada', 'alan', 30), transfer('2026-02-01/1', 'alan', 'ada', 5)])
await transfer('2026-02-02/1', 'alan', 'ada', 500).catch((error) => console.log('refused:', error.message))

console.log('before:', await accounts.getMany(['ada', 'alan'], { snapshot: before }))
await before.close() // it keeps old versions alive
console.log('now:', await accounts.getMany(['ada', 'alan']))
for await (const [id, { amount }] of transfers.iterator({ gte: '2026-02', lt: '2026-03' })) {
  console.log(`in February: ${id}, ${amount}`)
}

await db.close()
if (process.argv[2] === undefined) rmSync(location, { recursive: true })
