/**
 * What: the file by which `varve inspect DIR` finds the inspector of another process of the same user: in the user's
 * directory for such files, never in that of the database, since copies of that would carry it.
 * Owns: the file, while the inspector runs. Thread: main.
 * Invariants: INSP-3 the directory is the user's own and closed to others, or no file is written, and none is believed.
 */
import { constants } from 'node:fs'
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { newSecret } from './secrets.js'

/** What the file says. */
export interface RuntimeFacts {
  readonly port: number
  readonly host: string
  readonly pid: number
  readonly secret: string
}

const FILE_BYTES_MAX = 4096
const OTHERS = 0o077

/** Writes the file; gives the function that removes it and never rejects, or null where there is no safe place. */
export async function writeRuntimeFile(databaseId: string, facts: RuntimeFacts): Promise<(() => Promise<void>) | null> {
  const dir = directory()
  if (dir === null) return null
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    if (!(await isOwn(dir, 'directory'))) return null
    const file = path.join(dir, `${databaseId}.json`)
    const temp = `${file}.${newSecret()}`
    const handle = await open(temp, 'wx', 0o600)
    try {
      await handle.writeFile(JSON.stringify(facts))
    } finally {
      await handle.close()
    }
    await rename(temp, file)
    return async () => {
      const now = await readRuntimeFile(databaseId)
      // A file that stays is one of a process that was killed: nobody answers to it.
      if (now?.secret === facts.secret) await rm(file, { force: true }).catch(() => undefined)
    }
  } catch {
    return null // The inspector works without it.
  }
}

/** Gives what the file of a database says; null without one that can be believed. */
export async function readRuntimeFile(databaseId: string): Promise<RuntimeFacts | null> {
  const dir = directory()
  if (dir === null || !/^[0-9a-f]+$/.test(databaseId)) return null
  try {
    if (!(await isOwn(dir, 'directory'))) return null
    const file = path.join(dir, `${databaseId}.json`)
    if (!(await isOwn(file, 'file'))) return null
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { uid, mode, size } = await handle.stat()
      if (uid !== process.getuid?.() || (mode & OTHERS) !== 0 || size > FILE_BYTES_MAX) return null
      return checked(JSON.parse(await handle.readFile('utf8')))
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
}

function checked(value: unknown): RuntimeFacts | null {
  const { port, host, pid, secret } = (value ?? {}) as Record<string, unknown>
  if (typeof port !== 'number' || typeof host !== 'string' || typeof pid !== 'number') return null
  return typeof secret === 'string' ? { port, host, pid, secret } : null
}

/** The user's directory for files of running programs; null where users have no numbers. */
function directory(): string | null {
  const uid = process.getuid?.()
  if (uid === undefined) return null
  const given = process.env['XDG_RUNTIME_DIR']
  if (given !== undefined && path.isAbsolute(given)) return path.join(given, 'varve')
  return path.join(tmpdir(), `varve-${uid}`)
}

async function isOwn(file: string, kind: 'directory' | 'file'): Promise<boolean> {
  const info = await lstat(file)
  const isKind = kind === 'directory' ? info.isDirectory() : info.isFile()
  return isKind && info.uid === process.getuid?.() && (info.mode & OTHERS) === 0
}
