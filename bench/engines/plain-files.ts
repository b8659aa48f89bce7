/** Plain files, one for each value: what the file system does without a database. */
import { mkdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { EngineAdapter } from '../store.js'
import { onlyPutAndGet } from './put-and-get.js'

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

export const plainFiles: EngineAdapter = {
  name: 'plain-files',
  role: 'ceiling',
  areas: ['large', 'cache'],
  version: () => process.versions.node,
  async open({ dir }) {
    mkdirSync(dir, { recursive: true })
    const fileOf = (key: string | Buffer): string => path.join(dir, String(key))
    const put = (key: string | Buffer, value: Buffer): Promise<void> => writeFile(fileOf(key), value)
    const get = (key: string | Buffer): Promise<Buffer | undefined> => readFile(fileOf(key)).catch(absent)
    return { ...onlyPutAndGet, put, get, getMany: (keys) => Promise.all(keys.map(get)), close: async () => undefined }
  },
}
