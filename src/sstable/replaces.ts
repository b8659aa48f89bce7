/**
 * What: the property `replaces`: which files a table stands for. It tells which tables of a directory count when the
 * manifest is lost (TAB-2). On disk: do not change.
 *
 *   offset size
 *        0    8  group: file number of the first output of the job that made the table
 *        8    4  index of the table among the outputs of the job
 *       12    4  flags: 1 = it is the last output
 *       16       lower, upper: the job covered the keys from lower on, below upper; u32 length and bytes each; an empty
 *                upper: to the end
 *        …    4  inputs n
 *        …    4  zero
 *        …   8n  file numbers of the inputs, ascending; none for a flush
 *        …    4  unlisted tables m
 *        …    4  zero
 *        …   8m  file numbers of the unlisted tables, ascending
 *
 * An unlisted table is in no version when the job begins, and its removal is not known to be durable: a crash may leave
 * it in the directory. Which tables count is found by going through the groups, the newest first:
 *
 *   - an unlisted table does not count, and says nothing about its own inputs;
 *   - a group whose outputs are all there, or replaced by newer groups, replaces its inputs;
 *   - so does a group of which an input is gone: it went because the edit was durable;
 *   - a group of which an output is missing and no input is what a crash left of a job: its outputs do not count.
 * Thread: any (pure).
 */
import { BadBytes, ByteReader, ByteWriter, compareBytes, KEY_BYTES_MAX, NAME_NUMBER_MAX } from '../base/index.js'
import type { FileNum, TableFacts } from '../base/index.js'
import { UnknownCode } from './table-format.js'

/** What a job knows of all its outputs. */
export interface Replaced {
  readonly lower: Uint8Array
  /** The bound below which the keys lie; null for none. */
  readonly upper: Uint8Array | null
  readonly inputs: readonly FileNum[]
  readonly unlisted: readonly FileNum[]
}

export interface Replaces extends Replaced {
  readonly group: FileNum
  readonly index: number
  readonly isLast: boolean
}

const FLAGS_OFFSET = 12
const FLAG_LAST = 1
const NO_KEY = new Uint8Array(0)
/** The most bytes of a bound: the successor of the longest key. */
const BOUND_BYTES_MAX = KEY_BYTES_MAX + 1

/** Gives what a flush replaces. It covers all keys, since it brings what one log held, whatever its keys are. */
export function replacedByFlush(unlisted: readonly FileNum[]): Replaced {
  return { lower: NO_KEY, upper: null, inputs: [], unlisted }
}

/** Gives what a merge of these inputs replaces. Requires: at least one input. */
export function replacedByMerge(inputs: readonly TableFacts[], unlisted: readonly FileNum[]): Replaced {
  const fileNums = inputs.map(({ fileNum }) => fileNum)
  return {
    lower: inputs.map(lowerOf).reduce((a, b) => (compareBytes(a, b) <= 0 ? a : b)),
    upper: inputs.map(upperOf).reduce((a, b) => (isUpperAtMost(b, a) ? a : b)),
    inputs: fileNums, unlisted,
  }
}

/** The first key that an entry or a range tombstone of a table has. */
function lowerOf({ smallestKey, spans }: TableFacts): Uint8Array {
  return spans !== null && compareBytes(spans.lower, smallestKey) < 0 ? spans.lower : smallestKey
}

/** The bound behind all that a table has; null when it has none. */
function upperOf({ largestKey, spans }: TableFacts): Uint8Array | null {
  const upper = new Uint8Array(largestKey.length + 1)
  upper.set(largestKey)
  return spans === null || isUpperAtMost(spans.upper, upper) ? upper : spans.upper
}

function isUpperAtMost(upper: Uint8Array | null, other: Uint8Array | null): boolean {
  return other === null || (upper !== null && compareBytes(upper, other) <= 0)
}

export function encodeReplaces({ group, index, isLast, lower, upper, inputs, unlisted }: Replaces): Uint8Array {
  const writer = new ByteWriter(256).u53(group).u32(index).u32(isLast ? FLAG_LAST : 0)
  writer.bytes(lower).bytes(upper ?? NO_KEY)
  for (const numbers of [inputs, unlisted]) {
    writer.u32(numbers.length).u32(0)
    for (const fileNum of [...numbers].sort((a, b) => a - b)) writer.u53(fileNum)
  }
  return writer.finish()
}

/** Reads the value of the property. Throws BadBytes with the offset in the value. */
export function decodeReplaces(value: Uint8Array): Replaces {
  const reader = new ByteReader(value)
  const group = reader.u53()
  const index = reader.u32()
  const flags = reader.u32()
  if (flags > FLAG_LAST) throw new UnknownCode(FLAGS_OFFSET, `replaces with flags ${flags}`)
  const lower = reader.bytes(BOUND_BYTES_MAX)
  const upper = reader.bytes(BOUND_BYTES_MAX)
  const inputs = readNumbers(reader)
  const unlisted = readNumbers(reader)
  if (reader.left !== 0) throw new BadBytes(reader.position, 'bytes behind the unlisted tables')
  return {
    group, index, isLast: flags === FLAG_LAST, lower, upper: upper.length === 0 ? null : upper, inputs, unlisted,
  }
}

function readNumbers(reader: ByteReader): FileNum[] {
  const at = reader.position
  const count = reader.count(8)
  if (reader.u32() !== 0) throw new BadBytes(at + 4, 'not zero')
  const numbers = Array.from({ length: count }, () => reader.u53())
  if (numbers.some((fileNum, i) => fileNum <= (numbers[i - 1] ?? 0) || fileNum > NAME_NUMBER_MAX)) {
    throw new BadBytes(at, 'file numbers do not ascend')
  }
  return numbers
}

/** Gives what cannot be true of a table with these facts; null when there is nothing. */
export function findReplacesProblem(replaces: Replaces, facts: TableFacts): string | null {
  const { group, index, lower, upper, inputs, unlisted } = replaces
  const { fileNum, firstLog } = facts
  if (group > fileNum || (group === fileNum) !== (index === 0)) return `output ${index} of group ${group}`
  if (firstLog !== 0 && (inputs.length > 0 || index > 0)) return 'a flush has no inputs and one output'
  if (firstLog === 0 && inputs.length === 0) return 'a merge has inputs'
  if (inputs.some((input) => input >= group)) return 'an input is not older than its outputs'
  if (unlisted.includes(fileNum)) return 'it lists itself'
  const isInside = compareBytes(lowerOf(facts), lower) >= 0 && isUpperAtMost(upperOf(facts), upper)
  return isInside ? null : 'the job did not cover its keys'
}
