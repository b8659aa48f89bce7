/**
 * What: a sign of life where there is no program `flock`: the holder listens on a socket in the directory. The kernel
 * finds it by its inode, so it answers across containers (process-id and network namespaces), even for a holder that is
 * stopped, and refuses from the moment the holder is dead.
 * Owns: the socket's file; the next holder removes what a dead one left.
 */
import * as fs from 'node:fs'
import * as net from 'node:net'
import { join } from 'node:path'
import { errnoOf, LOCK_FILE_NAME, lockSocketFileName, systemRandom } from '../../base/index.js'

export interface KernelLock {
  /** The text that stands in a lock record. */
  readonly text: string
  close(): void
}

/** The longest path that the kernel takes for a socket; a longer one would be cut. */
const PATH_BYTES_MAX = 100

/**
 * Listens on a new socket in the directory, and resolves then: a record may name it from then on. Null where no socket
 * can be made.
 */
export async function listenIn(place: string): Promise<KernelLock | null> {
  const name = lockSocketFileName(`${process.pid}.${systemRandom.u32()}`)
  const path = join(place, name)
  // On other systems an open flag takes the lock; a permission model knows no paths below /proc.
  if (process.platform !== 'linux' || Buffer.byteLength(path) > PATH_BYTES_MAX) return null
  const server = net.createServer((connection) => connection.destroy())
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // The socket is not shared with the other processes of a cluster: they would keep it alive.
      server.listen({ path, exclusive: true }, resolve)
    })
  } catch {
    return null
  }
  server.on('error', () => undefined)
  server.unref()
  const close = (): void => {
    server.close() // it removes the name as well, where the platform does
    fs.rmSync(path, { force: true })
  }
  return { text: `socket ${name}`, close }
}

/** Tells whether somebody listens. 'unknown' when there is no such socket, or it may not be used. */
export function socketLife(place: string, name: string): Promise<'alive' | 'dead' | 'unknown'> {
  const path = join(place, name)
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return Promise.resolve('unknown')
  return new Promise((resolve) => {
    const connection = net.connect({ path })
    connection.once('connect', () => {
      connection.destroy()
      resolve('alive')
    })
    connection.once('error', (error) => {
      const code = errnoOf(error)
      resolve(code === 'ECONNREFUSED' ? 'dead' : code === 'EAGAIN' ? 'alive' : 'unknown')
    })
  })
}

/** Removes the sockets of dead holders; the caller's own is alive. */
export async function removeDeadSockets(place: string): Promise<void> {
  for (const name of fs.readdirSync(place)) {
    if (!name.startsWith(`${LOCK_FILE_NAME}.socket.`)) continue
    if ((await socketLife(place, name)) === 'dead') fs.rmSync(join(place, name), { force: true })
  }
}
