/**
 * What: the demo's input: every file under a directory, repeated under prefixes until there is enough of it.
 * Record i of copy c has the key `copy<c>/<path>` and the file's bytes as its value.
 */
import { readFileSync } from 'node:fs'
import { lstat, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { MiB } from '../../base/index.js'

/** Enough records that the load lasts until it is killed in its middle. */
const RECORDS_MIN = 3000
const BYTES_MIN = 128 * MiB
const COPIES_MAX = 64

export interface InputFile {
  /** The path from the root, with slashes. */
  path: string
  bytes: number
}

export interface Input {
  root: string
  /** The files, sorted by path. */
  files: InputFile[]
  bytes: number
  copies: number
  symlinkCount: number
  /** Paths of what is neither file, directory nor symbolic link. */
  others: string[]
}

export async function readInput(root: string): Promise<Input> {
  const input: Input = { root, files: [], bytes: 0, copies: 1, symlinkCount: 0, others: [] }
  await walk(input, '')
  if (input.files.length === 0) throw new Error(`there are no files under ${root}`)
  input.files.sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const file of input.files) input.bytes += file.bytes
  const copies = Math.max(RECORDS_MIN / input.files.length, BYTES_MIN / Math.max(1, input.bytes))
  input.copies = Math.min(COPIES_MAX, Math.ceil(copies))
  return input
}

async function walk(input: Input, dir: string): Promise<void> {
  for (const name of await readdir(path.join(input.root, dir))) {
    const relative = dir === '' ? name : `${dir}/${name}`
    const info = await lstat(path.join(input.root, relative))
    if (info.isDirectory()) await walk(input, relative)
    else if (info.isFile()) input.files.push({ path: relative, bytes: info.size })
    else if (info.isSymbolicLink()) input.symlinkCount++
    else input.others.push(relative)
  }
}

export interface InputRecord {
  key: string
  file: InputFile
}

export function recordAt({ files }: Input, index: number): InputRecord {
  const file = files[index % files.length]!
  return { key: `copy${Math.floor(index / files.length) + 1}/${file.path}`, file }
}

export function recordCount({ files, copies }: Input): number {
  return files.length * copies
}

export function readContent({ root }: Input, { file }: InputRecord): Promise<Uint8Array> {
  return readFile(path.join(root, file.path))
}

export function readContentSync({ root }: Input, { file }: InputRecord): Uint8Array {
  return readFileSync(path.join(root, file.path))
}
