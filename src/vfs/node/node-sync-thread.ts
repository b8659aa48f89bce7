/**
 * What: a blocking sync where Node offers only an asynchronous one. Under the permission model fsync by descriptor
 * number is forbidden; a FileHandle may sync, but has no blocking form. So a second thread does it while this one
 * waits. That needs --allow-worker. Node 26 forbids the FileHandle's sync too: then every sync fails with
 * ERR_ACCESS_DENIED, and the caller gets that error.
 * Owns: one sync thread per thread, for all copies of this package, started at the first use; it never keeps the
 * process alive.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { processShared } from '../../base/index.js'
import { FileSystemError } from '../vfs-error.js'

const { permission } = process as { permission?: { has(right: string): boolean } }

/** True when the permission model is on. */
export const syncsByHandle = permission !== undefined

/** False when the sync thread is forbidden: then a sync can only be awaited. */
export const hasBlockingSync = permission === undefined || permission.has('worker')

/** A sync that takes longer counts as failed: a thread that died would never answer. */
const WAIT_MS_MAX = 120_000

const threadCode = `
const { promises } = process.getBuiltinModule('node:fs')
const { workerData: { port, signal } } = process.getBuiltinModule('node:worker_threads')
port.on('message', async ({ path, identity }) => {
  let failure = ''
  try {
    const handle = await promises.open(path, 'r')
    try {
      const { dev, ino } = await handle.stat({ bigint: true })
      if (dev + ':' + ino !== identity) failure = 'ENOENT'
      else await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    failure = error.code || String(error)
  }
  port.postMessage(failure)
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
})`

interface SyncThread {
  port: MessagePort
  signal: Int32Array
}

/** The sync thread. Copies of this package share it; the number changes with the messages to it. */
function helper(): { thread: SyncThread | null } {
  return processShared('syncThread.1', () => ({ thread: null }))
}

function startThread(): SyncThread {
  const { port1, port2 } = new MessageChannel()
  const signal = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { port: port2, signal }
  // The thread gets the flags of the program, never `execArgv: []`: that would start a thread outside the permission
  // model. (So the code may be read as a module or as a script, and must be right as both.)
  new Worker(threadCode, { eval: true, workerData, transferList: [port2] }).unref()
  return { port: port1, signal }
}

/** Syncs what is called `path` if it still is the file or directory with this device and inode. */
export function syncBlocking(path: string, identity: string): void {
  const shared = helper()
  const { port, signal } = (shared.thread ??= startThread())
  Atomics.store(signal, 0, 0)
  port.postMessage({ path, identity })
  Atomics.wait(signal, 0, 0, WAIT_MS_MAX)
  const reply = receiveMessageOnPort(port) as { message: string } | undefined
  if (reply === undefined) shared.thread = null // a late answer must not count for the next call
  if (reply?.message === '') return
  throw new FileSystemError(reply?.message ?? 'EIO', 'fsync', path)
}
