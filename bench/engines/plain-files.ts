/** Plain files, one for each value: what the file system does without a database. */
import { mkdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { EngineAdapter } from '../store.js'

export const plainFiles: EngineAdapter = {
  name: 'plain-files',
  role: 'ceiling',
  areas: ['large'],
  version: () => process.versions.node,
  async open({ dir }) {
    mkdirSync(dir, { recursive: true })
    const fileOf = (key: string | Buffer): string => path.join(dir, String(key))
    const put = (key: string | Buffer, value: Buffer): Promise<void> => writeFile(fileOf(key), value)
    const get = (key: string | Buffer): Promise<Buffer> => readFile(fileOf(key))
    const none = (): never => {
      throw new Error('plain files have no such call')
    }
    return {
      put, get, batch: none, putDurable: none, scan: none, seek: none,
      getMany: (keys) => Promise.all(keys.map(get)),
      settle: () => undefined,
      close: async () => undefined,
    }
  },
}
