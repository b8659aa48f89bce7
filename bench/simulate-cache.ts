/**
 * What: the simulator of the blob cache at the command line: `npm run simulate -- cache [files] [options]` plays
 * requests and prints how many miss and what is written. No disk is touched; see bench/simulation/segment-cache.ts.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MiB } from '../src/base/index.js'
import { cacheText, playAll } from './simulation/cache-report.js'
import {
  cacheShareOf, generatedRequests, parsedRequests, REQUEST_SHAPES, SHAPE_TEXTS,
} from './simulation/cache-requests.js'
import type { Requests } from './simulation/cache-requests.js'

const HELP = `npm run simulate -- cache [FILE ...] [options]

FILE has a request in each line: 'key size' or 'time key size', with spaces, tabs or commas between them, size in
bytes. Lines that are empty or begin with # are passed over. Without files these shapes are generated:
${REQUEST_SHAPES.map((name) => `  ${name.padEnd(18)}  ${SHAPE_TEXTS[name]}`).join('\n')}

  --shapes A,B        some of them
  --requests N        of each shape (400000)
  --seed N            (1)
  --cache SHARE       bytes of the cache for each byte of all blobs (0.1; loop 0.77)
  --cache-mib MIB     or its size
  --segments N        segments that fit into it (128)
  --young SHARE       the part of it that is for young segments (0.05)
  --lag SEGMENTS      what is put while a segment goes whose blobs are moved (0.25)

A miss puts the blob. Blobs larger than a fortieth of the cache are not put. The first third of the requests warms the
cache; of the others these are printed:
  miss                misses for each request
  byte miss           bytes of misses for each byte that was asked for
  written             bytes written for each byte put, with headers and what eviction writes again
  before full         the same before anything was evicted
  most used           the most bytes on disk at one time, for each byte that the cache may have
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shapes: { type: 'string', default: REQUEST_SHAPES.join(',') },
    requests: { type: 'string', default: '400000' },
    seed: { type: 'string', default: '1' },
    cache: { type: 'string' },
    'cache-mib': { type: 'string' },
    segments: { type: 'string', default: '128' },
    young: { type: 'string', default: '0.05' },
    lag: { type: 'string', default: '0.25' },
    help: { type: 'boolean', default: false },
  },
})

type NumberOption = 'requests' | 'seed' | 'cache' | 'cache-mib' | 'segments' | 'young' | 'lag'

function number(option: NumberOption, fallback = 0): number {
  const text = values[option]
  if (text === undefined) return fallback
  const given = Number(text)
  if (!(given > 0 || (option === 'lag' && given === 0))) {
    throw new Error(`--${option} must be a number above 0, not ${text}`)
  }
  return given
}

function* allRequests(): Generator<Requests> {
  const files = positionals.slice(1)
  for (const file of files) yield parsedRequests(file, readFileSync(file, 'utf8'))
  if (files.length > 0) return
  const wanted = values.shapes.split(',')
  const unknown = wanted.find((name) => !REQUEST_SHAPES.some((shape) => shape === name))
  if (unknown !== undefined) throw new Error(`unknown shape ${unknown}: see --help`)
  for (const shape of REQUEST_SHAPES.filter((name) => wanted.includes(name))) {
    yield generatedRequests(shape, number('requests'), number('seed'))
  }
}

function main(): void {
  if (values.help) return console.log(HELP)
  console.log(`seed ${values.seed}`)
  for (const requests of allRequests()) {
    const share = number('cache', cacheShareOf(requests.name))
    const maxBytes = Math.floor(number('cache-mib', share * requests.footprintBytes / MiB) * MiB)
    const [youngShare, segmentCount, lagSegments] = [number('young'), number('segments'), number('lag')]
    console.log(cacheText(requests, maxBytes, playAll(requests, { maxBytes, youngShare, segmentCount, lagSegments })))
  }
}

main()
