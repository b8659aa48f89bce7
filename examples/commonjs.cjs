// Varve by `require`, as CommonJS programs, Jest and ts-node load it:
//   node examples/commonjs.cjs
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { Varve, VarveError } = require('varve')

async function main() {
  const location = mkdtempSync(path.join(tmpdir(), 'varve-commonjs-'))
  const db = await Varve.open(location)
  await db.put('city/berlin', '3.7 million')
  console.log(Buffer.from(await db.get('city/berlin')).toString())

  // The same package by `import` is another copy of the code, and it knows what this one has open.
  const modern = await import('varve')
  const error = await modern.Varve.open(location).catch((error) => error)
  console.log(error.code, error instanceof VarveError)

  await db.close()
  rmSync(location, { recursive: true })
}

main()
