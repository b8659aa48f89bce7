/**
 * What: the properties section: everything that the manifest knows of a table, and what its reader needs
 * beyond; so a table can be taken in again when the manifest is lost. On disk: do not change.
 *
 *   offset size
 *        0    4  properties
 *        4    4  zero
 *   then each, tags ascending:
 *        0    2  tag (PropertyTag)
 *        2    2  flags: 1 = a reader that does not know this tag must refuse the table; without it the
 *                reader passes the property over
 *        4    4  bytes of the value, without the zeros behind it
 *        8       value: u64 where the table below says number; zeros up to a multiple of 8
 */
import {
  addedSeqNum, alignUp, BadBytes, ByteReader, ByteWriter, compareBytes, handleCountOf, HASH_SEED_BYTES, KEY_BYTES_MAX,
  KEY_ORDER_NAME, NAME_NUMBER_MAX, SEQ_NUM_MAX, toHex,
} from '../base/index.js'
import type { ExpiryFacts, TableFacts, ValueFileReference } from '../base/index.js'
import { printBytes } from '../dump/index.js'
import type { Spans } from '../iterator/index.js'
import { decodeReplaces, encodeReplaces } from './replaces.js'
import type { Replaces } from './replaces.js'
import { spanFactsOf } from './spans-section.js'
import { UnknownCode } from './table-format.js'

/** Tags that are written. On disk: do not change these numbers. */
const PropertyTag = {
  orderName: 1, // text
  entryCount: 2, // numbers from here to largestSeqNum, except for the two keys
  tombstoneCount: 3,
  rawBytes: 4,
  smallestKey: 5, // bytes
  largestKey: 6, // bytes
  smallestSeqNum: 7,
  largestSeqNum: 8,
  firstLog: 9,
  lastLog: 10,
  keyspaceId: 11,
  expiryMin: 12,
  expiryMax: 13,
  valueFiles: 14, // for each, numbers ascending: file number, values, bytes: three u64
  keyCount: 15,
  hashSeed: 16, // eight bytes
  blockBytes: 17,
  /** Entries that expire; this and the next only when there are some. */
  expiringCount: 18, // number
  expiryOctiles: 19, // eight numbers: about when each eighth of them has expired
  /** Says which files the table stands for (replaces.ts); a table that no database made has none. */
  replaces: 20,
  /** Entries that are value handles; only when there are some. */
  handleCount: 24, // number
  /** Fragments of range tombstones; only when there are some, and then a reader that does not know them must refuse. */
  spanCount: 32, // number
  /** The rule of the prefix filter (base/prefix-extractor.ts); only when there is one. */
  prefixExtractor: 33, // text
} as const

/** Tags that later versions write. On disk: do not change these numbers. */
const ReservedPropertyTag = {
  keyspaceName: 21,
  operatorName: 22,
  operandCount: 23,
  newestMs: 34,
} as const
const REQUIRED_TAGS: ReadonlySet<number> = new Set([PropertyTag.spanCount])
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries({ ...PropertyTag, ...ReservedPropertyTag }).map(([name, tag]) => [tag, name]),
)

const FLAG_REQUIRED = 1
const NUMBERS = [
  'entryCount', 'tombstoneCount', 'rawBytes', 'smallestSeqNum', 'largestSeqNum', 'firstLog', 'lastLog',
  'keyspaceId', 'keyCount', 'blockBytes',
] as const
/** Those of which a table that was made outside has 0, and its facts the number that counts. */
const SEQ_NUMS: ReadonlySet<string> = new Set(['smallestSeqNum', 'largestSeqNum'])
const EXPIRY_NUMBERS = ['expiryMin', 'expiryMax'] as const
type NumberName = (typeof NUMBERS)[number] | (typeof EXPIRY_NUMBERS)[number]

/** What the file itself says; size, number and salt are in header and footer. */
export interface TableProperties extends Omit<TableFacts, 'fileNum' | 'bytes' | 'salt' | 'hiddenCount' | 'spans'> {
  /** Count of the different user keys. */
  keyCount: number
  /** The hash seed of point hash and filter, eight bytes (readHashSeed). */
  hashSeed: Uint8Array
  /** Size at which blocks were closed. */
  blockBytes: number
  /** Fragments of range tombstones. */
  spanCount: number
  /** Name of the rule of the prefix filter; empty when there is none. */
  prefixExtractor: string
  /** What the table replaces; null when it was not made by a database. */
  replaces: Replaces | null
}

export function encodeProperties(properties: TableProperties): Uint8Array {
  const values = new Map<number, Uint8Array>()
  values.set(PropertyTag.orderName, new TextEncoder().encode(KEY_ORDER_NAME))
  values.set(PropertyTag.smallestKey, properties.smallestKey)
  values.set(PropertyTag.largestKey, properties.largestKey)
  values.set(PropertyTag.valueFiles, encodeValueFiles(properties.valueFiles))
  values.set(PropertyTag.hashSeed, properties.hashSeed)
  const handleCount = handleCountOf(properties.valueFiles)
  if (handleCount > 0) values.set(PropertyTag.handleCount, numberOf(handleCount))
  const { spanCount } = properties
  if (spanCount > 0) values.set(PropertyTag.spanCount, numberOf(spanCount))
  const { prefixExtractor } = properties
  if (prefixExtractor !== '') values.set(PropertyTag.prefixExtractor, new TextEncoder().encode(prefixExtractor))
  if (properties.replaces !== null) values.set(PropertyTag.replaces, encodeReplaces(properties.replaces))
  for (const name of NUMBERS) values.set(PropertyTag[name], numberOf(properties[name]))
  const { expiry } = properties
  values.set(PropertyTag.expiryMin, numberOf(expiry?.earliestMs ?? 0))
  values.set(PropertyTag.expiryMax, numberOf(expiry?.latestMs ?? 0))
  if (expiry !== null) {
    values.set(PropertyTag.expiringCount, numberOf(expiry.count))
    const octiles = new ByteWriter(64)
    for (const ms of expiry.octilesMs) octiles.u53(ms)
    values.set(PropertyTag.expiryOctiles, octiles.finish())
  }
  const writer = new ByteWriter(512).u32(values.size).u32(0)
  for (const tag of [...values.keys()].sort((a, b) => a - b)) {
    writer.u32(tag + flagsOf(tag) * 2 ** 16).bytes(values.get(tag)!).align(8)
  }
  return writer.finish()
}

function numberOf(value: number): Uint8Array {
  return new ByteWriter(8).u53(value).finish()
}

function flagsOf(tag: number): number {
  return REQUIRED_TAGS.has(tag) ? FLAG_REQUIRED : 0
}

/** Reads a section. Throws BadBytes with the offset in `content`. */
export function decodeProperties(content: Uint8Array): TableProperties {
  const values = readValues(content)
  const bytesOf = (tag: number): Uint8Array => {
    const value = values.get(tag)
    if (value === undefined) throw new BadBytes(0, `property ${nameOf(tag)} is missing`)
    return value
  }
  const order = new TextDecoder().decode(bytesOf(PropertyTag.orderName))
  if (order !== KEY_ORDER_NAME) throw new BadBytes(0, `key order is ${JSON.stringify(order)}`)
  const numbers = {} as Record<NumberName, number>
  for (const name of [...NUMBERS, ...EXPIRY_NUMBERS]) {
    const value = bytesOf(PropertyTag[name])
    if (value.length !== 8) throw new BadBytes(0, `property ${name} is not a number`)
    numbers[name] = new ByteReader(value).u53()
  }
  const smallestKey = bytesOf(PropertyTag.smallestKey)
  const largestKey = bytesOf(PropertyTag.largestKey)
  const keyBytes = Math.max(smallestKey.length, largestKey.length)
  if (keyBytes > KEY_BYTES_MAX) throw new BadBytes(0, 'a key is too long')
  if (compareBytes(smallestKey, largestKey) > 0) throw new BadBytes(0, 'smallest key is above largest')
  if (numbers.largestSeqNum > SEQ_NUM_MAX) throw new BadBytes(0, 'a sequence number is 2^51 or more')
  if (numbers.lastLog > NAME_NUMBER_MAX) throw new BadBytes(0, 'the number of a log is 2^48 or more')
  const hashSeed = bytesOf(PropertyTag.hashSeed)
  if (hashSeed.length !== HASH_SEED_BYTES) throw new BadBytes(0, 'property hashSeed is not eight bytes')
  const valueFiles = decodeValueFiles(bytesOf(PropertyTag.valueFiles))
  checkHandleCount(decodeCount(values, 'handleCount'), valueFiles)
  if (numbers.keyspaceId !== 0) throw new UnknownCode(0, `a table of keyspace ${numbers.keyspaceId}`)
  const replaces = values.get(PropertyTag.replaces)
  const { expiryMin, expiryMax, ...facts } = numbers
  return {
    ...facts, smallestKey, largestKey, hashSeed, valueFiles,
    expiry: decodeExpiry(values, expiryMin, expiryMax), spanCount: decodeCount(values, 'spanCount'),
    prefixExtractor: new TextDecoder().decode(values.get(PropertyTag.prefixExtractor) ?? new Uint8Array(0)),
    replaces: replaces === undefined ? null : decodeReplaces(replaces),
  }
}

function decodeExpiry(
  values: ReadonlyMap<number, Uint8Array>, earliestMs: number, latestMs: number,
): ExpiryFacts | null {
  const count = decodeCount(values, 'expiringCount')
  const octiles = values.get(PropertyTag.expiryOctiles)
  const isSound = count === 0
    ? earliestMs === 0 && latestMs === 0 && octiles === undefined
    : earliestMs > 0 && earliestMs <= latestMs && octiles?.length === 64
  if (!isSound) throw new BadBytes(0, 'properties differ about entries that expire')
  if (count === 0) return null
  const reader = new ByteReader(octiles!)
  const octilesMs = Array.from({ length: 8 }, () => reader.u53())
  return { count, earliestMs, latestMs, octilesMs }
}

/** Reads a count that is left out when it is 0. */
function decodeCount(
  values: ReadonlyMap<number, Uint8Array>, name: 'handleCount' | 'spanCount' | 'expiringCount',
): number {
  const told = values.get(PropertyTag[name])
  if (told !== undefined && told.length !== 8) throw new BadBytes(0, `property ${name} is not a number`)
  return told === undefined ? 0 : new ByteReader(told).u53()
}

/** The number of handles is told twice: with the files they point to, and where a reader without value logs looks. */
function checkHandleCount(count: number, valueFiles: readonly ValueFileReference[]): void {
  const sum = handleCountOf(valueFiles)
  if (count !== sum) throw new BadBytes(0, `property handleCount is ${count}, the value files have ${sum}`)
}

function nameOf(tag: number): string {
  return NAMES.get(tag) ?? String(tag)
}

function readValues(content: Uint8Array): Map<number, Uint8Array> {
  const reader = new ByteReader(content)
  const count = reader.count(8)
  if (reader.u32() !== 0) throw new BadBytes(4, 'not zero')
  const values = new Map<number, Uint8Array>()
  const known = new Set<number>(Object.values(PropertyTag))
  let previous = 0
  for (let i = 0; i < count; i++) {
    const at = reader.position
    const head = reader.u32()
    const tag = head & 0xffff
    const flags = head >>> 16
    if (tag <= previous) throw new BadBytes(at, 'tags of properties do not ascend')
    if (NAMES.has(tag) ? flags !== flagsOf(tag) : flags > FLAG_REQUIRED) {
      throw new BadBytes(at, `property ${nameOf(tag)} with flags ${flags}`)
    }
    if (!known.has(tag) && flags === FLAG_REQUIRED) {
      throw new UnknownCode(at, `property ${tag}, ${NAMES.get(tag) ?? 'unknown'}`)
    }
    previous = tag
    values.set(tag, reader.bytes(content.length))
    for (const byte of reader.raw(alignUp(reader.position, 8) - reader.position)) {
      if (byte !== 0) throw new BadBytes(at, 'padding is not zero')
    }
  }
  if (reader.left !== 0) throw new BadBytes(reader.position, 'bytes behind the last property')
  return values
}

/** Gives the parts of a good section, one behind the other, for dumps. */
export function describeProperties(content: Uint8Array): { bytes: number; what: string }[] {
  const values = readValues(content)
  const parts = [{ bytes: 4, what: `${values.size} properties` }, { bytes: 4, what: 'zero' }]
  for (const [tag, value] of values) {
    const name = NAMES.get(tag) ?? `property ${tag}`
    parts.push({ bytes: 8, what: `${name}: tag ${tag}, ${value.length} bytes` })
    parts.push({ bytes: value.length, what: `${name} ${shownValue(name, value)}` })
    parts.push({ bytes: alignUp(value.length, 8) - value.length, what: 'zeros' })
  }
  return parts
}

function shownValue(name: string, value: Uint8Array): string {
  if (name === 'hashSeed') return toHex(value)
  if (name === 'replaces') return replacesText(decodeReplaces(value))
  const isNumber = value.length === 8 && NUMBER_NAMES.has(name)
  return isNumber ? String(new ByteReader(value).u53()) : printBytes(value)
}

const NUMBER_NAMES: ReadonlySet<string> = new Set([
  ...NUMBERS, ...EXPIRY_NUMBERS, 'handleCount', 'spanCount', 'expiringCount',
])

function replacesText({ group, index, isLast, lower, upper, inputs, unlisted }: Replaces): string {
  const place = `output ${index}${isLast ? ', the last one,' : ''} of group ${group}`
  const range = `keys from ${printBytes(lower)} ${upper === null ? 'to the end' : `to ${printBytes(upper)}`}`
  return `${place}, ${range}, inputs [${inputs.join(', ')}], unlisted [${unlisted.join(', ')}]`
}

function encodeValueFiles(files: readonly ValueFileReference[]): Uint8Array {
  const writer = new ByteWriter(24 * files.length)
  for (const { fileNum, valueCount, valueBytes } of files) writer.u53(fileNum).u53(valueCount).u53(valueBytes)
  return writer.finish()
}

function decodeValueFiles(value: Uint8Array): ValueFileReference[] {
  const reader = new ByteReader(value)
  const files: ValueFileReference[] = []
  let last = 0
  while (reader.left > 0) {
    const file = { fileNum: reader.u53(), valueCount: reader.u53(), valueBytes: reader.u53() }
    if (file.fileNum <= last || file.valueCount === 0) throw new BadBytes(0, 'value files out of order')
    last = file.fileNum
    files.push(file)
  }
  return files
}

/** Gives the facts that the manifest has of these properties, and of these range tombstones. */
export function factsIn(
  properties: TableProperties, spans: Spans | null,
): Omit<TableFacts, 'fileNum' | 'bytes' | 'salt'> {
  const { keyCount, hashSeed, blockBytes, replaces, spanCount, prefixExtractor, ...facts } = properties
  return { ...facts, hiddenCount: hiddenCountOf(properties), spans: spans === null ? null : spanFactsOf(spans) }
}

/** Counts all versions but the newest of each key. */
function hiddenCountOf({ entryCount, keyCount }: TableProperties): number {
  return entryCount - keyCount
}

/** Gives the name of the first fact in which the two differ, or null. */
export function factThatDiffers(properties: TableProperties, facts: TableFacts): string | null {
  for (const name of NUMBERS) {
    if (name === 'keyCount' || name === 'blockBytes') continue
    const value = properties[name] + (SEQ_NUMS.has(name) ? addedSeqNum(facts) : 0)
    if (value !== facts[name]) return `${name} ${value} against ${facts[name]}`
  }
  const hiddenCount = hiddenCountOf(properties)
  // What range tombstones hide only the writer has counted.
  const isMore = properties.spanCount > 0 && facts.hiddenCount > hiddenCount
  const isHiddenTold = facts.hiddenCount > 0 && facts.hiddenCount !== hiddenCount && !isMore
  if (isHiddenTold) return `hiddenCount ${hiddenCount} against ${facts.hiddenCount}`
  if (compareBytes(properties.smallestKey, facts.smallestKey) !== 0) return 'smallestKey'
  if (compareBytes(properties.largestKey, facts.largestKey) !== 0) return 'largestKey'
  if (!sameExpiry(properties.expiry, facts.expiry)) return 'expiry'
  const spanCount = facts.spans?.count ?? 0
  if (properties.spanCount !== spanCount) return `spanCount ${properties.spanCount} against ${spanCount}`
  return sameValueFiles(properties.valueFiles, facts.valueFiles) ? null : 'valueFiles'
}

/** True when both say the same of entries that expire. The octiles may be missing. */
export function sameExpiry(a: ExpiryFacts | null, b: ExpiryFacts | null): boolean {
  return a?.count === b?.count && a?.earliestMs === b?.earliestMs && a?.latestMs === b?.latestMs
}

export function sameValueFiles(a: readonly ValueFileReference[], b: readonly ValueFileReference[]): boolean {
  return compareBytes(encodeValueFiles(a), encodeValueFiles(b)) === 0
}
