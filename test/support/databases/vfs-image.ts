/** The files of one directory as bytes, which tests damage, compare and open again. */
import type { Vfs } from '../../../src/index.js'
import { MemoryVfs } from '../../../src/testing.js'

export type Image = Map<string, Uint8Array>

export function takeImage(vfs: Pick<Vfs, 'listSync' | 'openSync'>, dir: string): Image {
  const image: Image = new Map()
  for (const name of vfs.listSync(dir).sort()) {
    const file = vfs.openSync(`${dir}/${name}`, 'read')
    const bytes = new Uint8Array(file.sizeSync())
    file.readSync(bytes, 0, bytes.length, 0)
    file.closeSync()
    image.set(name, bytes)
  }
  return image
}

/** Makes a file system whose directory `dir` holds exactly these files. */
export function vfsOf(image: Image, dir: string): MemoryVfs {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(dir)
  for (const [name, bytes] of image) {
    const file = vfs.openSync(`${dir}/${name}`, 'create')
    file.writeSync(bytes, 0, bytes.length, 0)
    file.closeSync()
  }
  return vfs
}

/** Gives the image with one file changed. */
export function withFile(image: Image, name: string, bytes: Uint8Array): Image {
  return new Map(image).set(name, bytes)
}
